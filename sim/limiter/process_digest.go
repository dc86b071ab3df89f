package limiter

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Bounds of what is taken to be a program's own files.
const (
	mostFiles    = 5000
	largestFiles = 256 << 20 // bytes of all together
)

// Digest identifies what was checked: how the program is started and asked, its
// options, and its own files. These are the files in its folder and below, but
// hidden ones, installed packages (a lock file beside them names their
// versions), records, scenarios and texts.
func (p Process) Digest(options map[string]string) (string, error) {
	sum := sha256.New()
	p.Environment = slices.Sorted(slices.Values(p.Environment))
	all := map[string]string{} // not nil
	maps.Copy(all, options)
	essence := []any{p.Command, p.Environment, p.Quiet, p.Clock, p.Service, all}
	if err := json.NewEncoder(sum).Encode(essence); err != nil {
		return "", err
	}
	root := p.Directory
	if root == "" {
		root = "."
	}
	files, size := 0, int64(0)
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		if e.IsDir() && notItsOwn(e.Name()) {
			return fs.SkipDir
		}
		if !e.Type().IsRegular() || strings.HasPrefix(e.Name(), ".") || isText(e.Name()) {
			return nil
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		n, err := addFile(sum, filepath.ToSlash(name), path)
		files, size = files+1, size+n
		if err == nil && (files > mostFiles || size > largestFiles) {
			err = fmt.Errorf("expected at most %d files of %d bytes together below %s, found more: give the program a folder of its own", mostFiles, largestFiles, root)
		}
		return err
	})
	return fmt.Sprintf("%x", sum.Sum(nil)[:8]), err
}

// notItsOwn reports whether a folder holds no files of the program's own.
func notItsOwn(name string) bool {
	return strings.HasPrefix(name, ".") || slices.Contains([]string{"node_modules", "__pycache__", "quotalab-out"}, name)
}

// isText reports whether a file is a scenario or a text for people.
func isText(name string) bool {
	return slices.Contains([]string{".yaml", ".yml", ".md"}, filepath.Ext(name))
}

// addFile adds a file to a digest.
func addFile(to io.Writer, name, path string) (size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	own := sha256.New()
	if size, err = io.Copy(own, f); err != nil {
		return size, err
	}
	_, err = fmt.Fprintf(to, "%q %x\n", name, own.Sum(nil))
	return size, err
}
