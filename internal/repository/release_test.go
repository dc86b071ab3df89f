package repository_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/quotalab/quotalab/internal/testkit"
)

// release is what these tests read of .goreleaser.yaml.
type release struct {
	Before struct{ Hooks []string }
	Builds []struct {
		Main         string
		Env          []string
		Goos, Goarch []string
		Flags        []string
		Ldflags      []string
	}
	Archives []struct {
		NameTemplate string `yaml:"name_template"`
		Files        []any
	}
	Nfpms []map[string]any
}

func readRelease(t *testing.T) (r release) {
	t.Helper()
	text, err := os.ReadFile(".goreleaser.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Builds) != 1 || len(r.Archives) != 1 || len(r.Nfpms) != 1 {
		t.Fatalf(".goreleaser.yaml: expected one of each of builds, archives and nfpms: %+v", r)
	}
	return r
}

// What fetches a release asks for archives by the names that the release gives them,
// and what the release packs is there.
func TestReleaseNames(t *testing.T) {
	r := readRelease(t)
	for _, file := range []string{"action.yml", filepath.Join("ci", "gitlab.yml")} {
		text := readIfThere(t, file)
		names := 0
		for _, name := range regexp.MustCompile(`quotalab_(linux|darwin|windows)_[a-z0-9$(]+`).FindAllString(text, -1) {
			names++
			_, platform, _ := strings.Cut(name, "_")
			system, architecture, _ := strings.Cut(platform, "_")
			if !slices.Contains(r.Builds[0].Goos, system) || !slices.Contains(append(r.Builds[0].Goarch, "$(dpkg"), architecture) {
				t.Errorf("%s asks for %s, which is not released", file, name)
			}
		}
		if names == 0 {
			t.Errorf("%s asks for no release", file)
		}
	}
	if want := "quotalab_{{ .Os }}_{{ .Arch }}"; r.Archives[0].NameTemplate != want {
		t.Errorf("archives are named %q, expected %q", r.Archives[0].NameTemplate, want)
	}
	for _, f := range r.Archives[0].Files {
		if name, ok := f.(string); ok {
			if _, err := os.Stat(name); err != nil {
				t.Error(err)
			}
		}
	}
}

// releaseVersion is what released stamps.
const releaseVersion = "1.2.3"

// released builds the program as a release does, and what is packed beside it, in a
// copy of nothing: the folder has the program, LICENSE, NOTICE and build/.
func released(t *testing.T) (dir string) {
	t.Helper()
	dir, err := releasedOnce()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

var releasedOnce = sync.OnceValues(func() (string, error) {
	text, err := os.ReadFile(".goreleaser.yaml")
	if err != nil {
		return "", err
	}
	var r release
	if err := yaml.Unmarshal(text, &r); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "quotalab-release-")
	if err != nil {
		return "", err
	}
	b := r.Builds[0]
	stamp := strings.NewReplacer("{{ .Version }}", releaseVersion, "{{ .FullCommit }}", "c0ffee")
	build := exec.Command("go", slices.Concat([]string{"build", "-o", filepath.Join(dir, "quotalab"), "-ldflags", stamp.Replace(strings.Join(b.Ldflags, " "))}, b.Flags, []string{b.Main})...)
	build.Env = append(os.Environ(), b.Env...)
	if out, err := build.CombinedOutput(); err != nil {
		return "", errors.Join(err, errors.New(string(out)))
	}
	for _, hook := range r.Before.Hooks {
		line := strings.NewReplacer("go run ./cmd/quotalab", filepath.Join(dir, "quotalab"), " build/", " "+dir+"/build/").Replace(hook)
		if out, err := exec.Command("bash", "-euo", "pipefail", "-c", line).CombinedOutput(); err != nil {
			return "", errors.Join(err, errors.New(line+"\n"+string(out)))
		}
	}
	return dir, nil
})

// The package for Debian, made by the configuration of the release, installs, runs and
// is removed without a trace.
func TestDebianPackage(t *testing.T) {
	dpkg := testkit.Program(t, "dpkg", "dpkg")
	dir, built := t.TempDir(), released(t)
	var err error
	of := readRelease(t).Nfpms[0]
	of["name"], of["arch"], of["platform"], of["version"] = of["package_name"], "amd64", "linux", releaseVersion
	contents := []any{map[string]any{"src": filepath.Join(built, "quotalab"), "dst": of["bindir"].(string) + "/quotalab"}}
	for _, c := range of["contents"].([]any) {
		c := c.(map[string]any)
		if src := c["src"].(string); strings.HasPrefix(src, "build/") {
			c["src"] = filepath.Join(built, src)
		} else if c["src"], err = filepath.Abs(src); err != nil {
			t.Fatal(err)
		}
		contents = append(contents, c)
	}
	of["contents"] = contents
	for _, own := range []string{"package_name", "formats", "bindir"} { // those of goreleaser
		delete(of, own)
	}
	config, err := json.Marshal(of) // is YAML
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "nfpm.yaml"), config, 0o600); err != nil {
		t.Fatal(err)
	}
	file, root := filepath.Join(dir, "quotalab.deb"), filepath.Join(dir, "root")
	runIn(t, ".", "go", "-C", "internal/tools", "tool", "nfpm", "package", "--config", filepath.Join(dir, "nfpm.yaml"), "--packager", "deb", "--target", file)

	admin := filepath.Join(root, "var", "lib", "dpkg")
	for _, folder := range []string{"info", "updates", "triggers"} {
		if err := os.MkdirAll(filepath.Join(admin, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(admin, "status"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	runIn(t, dir, dpkg, "--root="+root, "--force-not-root", "--install", file)
	said, err := exec.Command(filepath.Join(root, "usr", "bin", "quotalab"), "version").CombinedOutput()
	if err != nil || !strings.HasPrefix(string(said), "quotalab v"+releaseVersion+", commit c0ffee, go1.") {
		t.Errorf("version: %s, %v", said, err)
	}
	for _, want := range []string{"share/man/man1/quotalab.1.gz", "share/man/man1/quotalab-run.1.gz", "share/bash-completion/completions/quotalab",
		"share/fish/vendor_completions.d/quotalab.fish", "share/zsh/vendor-completions/_quotalab", "share/doc/quotalab/copyright", "share/doc/quotalab/THIRD-PARTY-NOTICES"} {
		if info, err := os.Stat(filepath.Join(root, "usr", want)); err != nil || info.Size() == 0 || info.Mode().Perm() != 0o644 {
			t.Errorf("%s: %v, %v", want, info, err)
		}
	}
	runIn(t, dir, dpkg, "--root="+root, "--force-not-root", "--purge", "quotalab")
	err = filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err == nil && !strings.HasPrefix(path, admin) && !d.IsDir() {
			t.Errorf("left after removal: %s", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// image lets the released program run as the image has it: in a root that cannot be written to and
// holds nothing else, as a user without rights, with /work and /tmp alone to write to.
func image(t *testing.T) (work string, inside func(args ...string) (said string, code int)) {
	t.Helper()
	bwrap := testkit.Program(t, "bwrap", "bubblewrap")
	built, root := released(t), t.TempDir()
	work = t.TempDir()
	for _, folder := range []string{"usr/bin", "work", "tmp", "proc", "dev"} {
		if err := os.MkdirAll(filepath.Join(root, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Link(filepath.Join(built, "quotalab"), filepath.Join(root, "usr", "bin", "quotalab")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(work, 0o777); err != nil {
		t.Fatal(err)
	}
	return work, func(args ...string) (string, int) {
		cmd := exec.Command(bwrap, append([]string{"--unshare-all", "--uid", "65532", "--gid", "65532", "--clearenv", "--ro-bind", root, "/", "--bind", work, "/work",
			"--tmpfs", "/tmp", "--proc", "/proc", "--dev", "/dev", "--chdir", "/work", "--cap-drop", "ALL", "/usr/bin/quotalab"}, args...)...)
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil {
			t.Fatal(err)
		}
		return string(out), cmd.ProcessState.ExitCode()
	}
}

// The image has all that the program needs: also what a system would have, such as fonts and the
// database of time zones.
func TestImage(t *testing.T) {
	work, inside := image(t)
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(work, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("zone.yaml", `name: zone
horizon: 1s
keys: {one: {uniform: {n: 1}}}
traffic: {main: {rate: 5/s, keys: one}}
limiters: {daily: {kind: fixed_window, limit: {count: 1, period: 24h}, options: {windows: daily, zone: Europe/Berlin}}}
assert: {over_admission: ["count == 0"]}
`)
	for _, args := range []string{"run race-lua --dir record", "report record -o html=report.html", "plot record --dir figures --format svg,png,pdf", "run zone.yaml",
		"sweep sweep-capacity --workers 2 --web :0 --web-linger 0s", "new mine", "run mine.yaml"} {
		if out, code := inside(strings.Fields(args)...); code != 0 {
			t.Errorf("%s: exit code %d\n%s", args, code, out)
		}
	}
	if out, code := inside("run", "race-lua", "--dir", "/record"); code == 0 || !strings.Contains(out, "read-only file system") {
		t.Errorf("the root can be written to: exit code %d\n%s", code, out)
	}
	docker := readIfThere(t, "Dockerfile")
	last := docker[strings.LastIndex(docker, "\nFROM "):]
	for _, want := range []string{":nonroot\n", "\nUSER 65532:65532\n", "\nWORKDIR /work\n", "\nCOPY --from=program /quotalab /usr/bin/quotalab\n"} {
		if !strings.Contains(last, want) {
			t.Errorf("the image's last stage has no %q", want)
		}
	}
}

// The tutorial needs nothing but the program: each of its commands works in the image, with the
// exit code and the lines that it shows. What it edits by sed, its reader does with an editor.
func TestTutorialInImage(t *testing.T) {
	const page = "docs/tutorial.md"
	work, inside := image(t)
	blocks := blocksOf(t, page)
	for _, b := range blocks {
		if file, ok := strings.CutPrefix(b.mark, "run "); ok {
			if err := os.WriteFile(filepath.Join(work, file), []byte(b.text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	var said strings.Builder
	commands, expected := 0, regexp.MustCompile(`^quotalab (.*?)(?: \|\| \[ \$\? = ([0-9]+) \])?$`)
	for _, line := range linesOf(blocks) {
		m := expected.FindStringSubmatch(line)
		if m == nil {
			if !strings.HasPrefix(line, "sed ") {
				t.Errorf("the tutorial has a command that is not quotalab's: %s", line)
			}
			runIn(t, work, "bash", "-c", line)
			continue
		}
		commands++
		want, _ := strconv.Atoi(m[2]) // 0: none is written
		out, code := inside(strings.Fields(m[1])...)
		if code != want {
			t.Errorf("%s: exit code %d, expected %d\n%s", line, code, want, out)
		}
		said.WriteString(out)
	}
	if commands < 10 {
		t.Errorf("the tutorial has %d commands, expected more", commands)
	}
	checkShown(t, page, said.String())
}

// What the release links is named with its licence.
func TestThirdPartyNotices(t *testing.T) {
	testkit.Live(t, "asks the go command about three systems")
	file := filepath.Join(t.TempDir(), "notices")
	runIn(t, ".", "go", "run", "./internal/notices", file)
	text := readIfThere(t, file)
	for _, want := range []string{"\nGo 1.", "\ngithub.com/letsencrypt/boulder v", "Mozilla Public License Version 2.0", "\ngithub.com/redis/go-redis/v9 v", "The Go Authors"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %d bytes of notices", want, len(text))
		}
	}
}

// Scripts that run where nobody looks have no trap in them.
func TestShellScripts(t *testing.T) {
	shellcheck := testkit.Program(t, "shellcheck", "shellcheck")
	dir := t.TempDir()
	scripts := map[string]string{"ci-run": readIfThere(t, filepath.Join(".ci", "run"))}
	var a action
	if err := yaml.Unmarshal([]byte(readIfThere(t, "action.yml")), &a); err != nil {
		t.Fatal(err)
	}
	for _, s := range a.Runs.Steps {
		if s.Run != "" {
			scripts["action-"+s.ID] = "#!/usr/bin/env bash\nset -eo pipefail\n" + s.Run
		}
	}
	var file map[string]struct{ Script []string }
	if err := yaml.Unmarshal([]byte(readIfThere(t, filepath.Join("ci", "gitlab.yml"))), &file); err != nil {
		t.Fatal(err)
	}
	gitlab := strings.Join(file["quotalab"].Script, "\n")
	scripts["gitlab"] = "#!/usr/bin/env bash\nset -eo pipefail\n" + strings.Replace(gitlab, "quotalab gate", "# shellcheck disable=SC2086\nquotalab gate", 1)
	if m := regexp.MustCompile("const guardScript = `([^`]+)`").FindStringSubmatch(readIfThere(t, filepath.Join("sim", "child", "guard_unix.go"))); m != nil {
		scripts["guard"] = "#!/bin/sh\n" + m[1]
	}
	if len(scripts) != 6 {
		t.Errorf("%d scripts, expected 6", len(scripts))
	}
	for name, text := range scripts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(shellcheck, "--severity=style", filepath.Join(dir, name)).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}
