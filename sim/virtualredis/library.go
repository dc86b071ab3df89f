package virtualredis

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/quotalab/quotalab/sim/child"
)

//go:embed preload/clock.c
var source []byte

// Library returns the path of the library that is loaded before the C
// library. It is built at the first use and kept in the user's cache, under
// the hash of its source and beside its own: what does not have that any more
// is built anew.
func Library(ctx context.Context) (string, error) {
	if runtime.GOOS != "linux" {
		return "", fmt.Errorf("virtual time for programs needs Linux, found %s", runtime.GOOS)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	dir := filepath.Join(cache, "quotalab", "virtualredis")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("folder for the library with the virtual clock: %w", err)
	}
	path := filepath.Join(dir, "clock-"+runtime.GOARCH+"-"+hash(source)[:16]+".so")
	if isWhole(path) {
		return path, nil
	}
	return path, build(ctx, dir, path)
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// isWhole reports whether the library at path is the one that was built.
func isWhole(path string) bool {
	sum, err := os.ReadFile(path + ".sha256")
	if err != nil {
		return false
	}
	b, err := os.ReadFile(path)
	return err == nil && string(sum) == hash(b)
}

// build compiles the library in a folder of its own and moves it into place,
// so that processes that build it at the same time do not meet.
func build(ctx context.Context, dir, path string) (err error) {
	compiler, err := exec.LookPath("cc")
	if err != nil {
		return fmt.Errorf("the virtual clock needs a C compiler named cc on the PATH (Debian: apt-get install gcc libc6-dev): %w", err)
	}
	child.RemoveStale(dir)
	own, remove, err := child.FolderIn(dir, "build")
	if err != nil {
		return fmt.Errorf("building the virtual clock: %w", err)
	}
	defer func() { err = errors.Join(err, remove()) }()
	built := filepath.Join(own, "clock.so")
	cmd := exec.Command(compiler, "-shared", "-fPIC", "-O2", "-x", "c", "-", "-o", built, "-ldl")
	var log child.LastWords
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Env = bytes.NewReader(source), &log, &log, append(os.Environ(), "TMPDIR="+own)
	p, err := child.Start(cmd, 0)
	if err != nil {
		return fmt.Errorf("building the virtual clock: %w", err)
	}
	defer p.Stop()
	defer context.AfterFunc(ctx, p.Stop)()
	if err := p.Exit(); err != nil {
		return fmt.Errorf("building the virtual clock with %s: %w%s", compiler, errors.Join(context.Cause(ctx), err), &log)
	}
	b, err := os.ReadFile(built)
	if err != nil {
		return fmt.Errorf("building the virtual clock: %w", err)
	}
	sum := filepath.Join(own, "sum")
	if err := os.WriteFile(sum, []byte(hash(b)), 0o600); err != nil {
		return fmt.Errorf("building the virtual clock: %w", err)
	}
	return errors.Join(os.Rename(built, path), os.Rename(sum, path+".sha256"))
}
