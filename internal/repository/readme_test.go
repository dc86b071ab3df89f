package repository_test

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/summary"
	"github.com/quotalab/quotalab/scenarios"
)

// testCommand is the line of the README that these tests are run by.
const testCommand = "go test ./..."

// block is one fenced block of a text in Markdown: ```language mark.
type block struct{ language, mark, text string }

func readmeBlocks(t *testing.T) []block { return blocksOf(t, "README.md") }

func blocksOf(t *testing.T, file string) []block {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var blocks []block
	fence := regexp.MustCompile("(?ms)^```(\\S+) ?([^\n]*)\n(.*?)^```$")
	for _, m := range fence.FindAllStringSubmatch(string(text), -1) {
		blocks = append(blocks, block{m[1], m[2], m[3]})
	}
	return blocks
}

// readmeLines are those of the README.
func readmeLines(t *testing.T) []string { return linesOf(readmeBlocks(t)) }

// linesOf returns the lines of the sh blocks that are not marked not-run or live.
func linesOf(blocks []block) []string {
	var lines []string
	for _, b := range blocks {
		if b.language == "sh" && b.mark != "not-run" && b.mark != "live" {
			lines = append(lines, strings.Split(strings.TrimSpace(b.text), "\n")...)
		}
	}
	return lines
}

// copySources copies what is under version control, more or less, so that
// commands leave nothing behind.
func copySources(t *testing.T) string {
	t.Helper()
	to := t.TempDir()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{".git", "quotalab-out"}, path):
			return filepath.SkipDir
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, path), 0o755)
		case !d.Type().IsRegular():
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, path), data, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

func runIn(t *testing.T, dir, name string, args ...string) (out string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, said)
	}
	return string(said)
}

const offSchedule = 113 // the exit code, as docs/commands.md has it

// runLive runs a command whose run in real time may be called invalid: beside
// other tests the machine may be too slow for its schedule, and it says so.
func runLive(t *testing.T, dir, line string) {
	t.Helper()
	testkit.Program(t, "redis-server", "redis-server")
	testkit.Program(t, "npm", "npm")
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", line)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState.ExitCode() != offSchedule {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
}

// TestReadmeCommands runs the README's commands in their order, in one folder;
// those of blocks that are marked live on real Redis.
func TestReadmeCommands(t *testing.T) {
	testkit.Live(t, "plays what the README shows")
	t.Parallel()
	dir := copySources(t)
	for _, line := range readmeLines(t) {
		if line == testCommand {
			continue // it would run itself
		}
		t.Run(line, func(t *testing.T) { runIn(t, dir, "bash", "-euo", "pipefail", "-c", line) })
	}
	for _, b := range readmeBlocks(t) {
		if b.language != "sh" || b.mark != "live" {
			continue
		}
		for line := range strings.SplitSeq(strings.TrimSpace(b.text), "\n") {
			t.Run(line, func(t *testing.T) { runLive(t, dir, line) })
		}
	}
}

// docsPages lists the pages of docs/.
func docsPages(t *testing.T) []string {
	t.Helper()
	pages, err := filepath.Glob("docs/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("docs/ has no pages: %v", err)
	}
	return pages
}

// TestDocsCommands runs the commands of every page of docs/, each page in a folder
// of its own, with the files that the page shows: those of blocks marked run FILE.
func TestDocsCommands(t *testing.T) {
	testkit.Live(t, "plays what docs/ shows")
	t.Parallel()
	for _, page := range docsPages(t) {
		dir, blocks := t.TempDir(), blocksOf(t, page)
		for _, b := range blocks {
			if file, ok := strings.CutPrefix(b.mark, "run "); ok {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(b.text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
		installed := "export PATH='" + filepath.Dir(testkit.Quotalab(t)) + "':\"$PATH\"; "
		ours := strings.NewReplacer("go run ./cmd/quotalab ", "quotalab ")
		var said strings.Builder
		for _, b := range blocks {
			if b.language != "sh" || b.mark == "not-run" {
				continue
			}
			for line := range strings.SplitSeq(strings.TrimSpace(b.text), "\n") {
				t.Run(page+" "+line, func(t *testing.T) {
					if b.mark == "live" {
						runLive(t, dir, installed+ours.Replace(line))
					} else {
						said.WriteString(runIn(t, dir, "bash", "-euo", "pipefail", "-c", installed+ours.Replace(line)))
					}
				})
			}
		}
		if page == "docs/numbers.md" {
			checkNumbers(t, dir)
		}
		if page == "docs/tutorial.md" {
			checkShown(t, page, said.String())
		}
	}
}

// checkShown compares the lines that a page shows with those that its commands printed.
func checkShown(t *testing.T, page, said string) {
	t.Helper()
	printed, lines := strings.Split(said, "\n"), 0
	for _, b := range blocksOf(t, page) {
		if b.language != "text" {
			continue
		}
		for line := range strings.SplitSeq(strings.TrimRight(b.text, "\n"), "\n") {
			lines++
			if line != "…" && !slices.Contains(printed, line) {
				t.Errorf("%s shows a line that its commands do not print: %q", page, line)
			}
		}
	}
	if lines < 8 {
		t.Errorf("%s shows %d lines of what its commands print, expected more", page, lines)
	}
}

// checkNumbers compares what docs/numbers.md works out by hand with what its
// commands came to.
func checkNumbers(t *testing.T, dir string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "docs-numbers.json"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := summary.Read(text, "docs-numbers.json")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("docs/numbers.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ said, metric, decision string }{
		{"- `decisions`: %s allowed,", "decisions", "allowed"}, {" allowed, %s denied.", "decisions", "denied"}, {"- `over_admission` is %s:", "over_admission", ""},
		{"- `worst_excess` is %s.0 tokens:", "worst_excess", ""}, {"- `under_admission` is %s:", "under_admission", ""}, {"- `divergence` is %s:", "divergence", ""},
	} {
		n, found := 0.0, false
		for _, m := range s.Select(metric.Selector{Metric: c.metric}) {
			switch {
			case c.decision != "" && m.Tags["decision"] != c.decision:
			case m.Value != nil:
				n, found = n+*m.Value, true
			default:
				n, found = n+float64(m.Count), true
			}
		}
		if said := fmt.Sprintf(c.said, strconv.FormatFloat(n, 'f', -1, 64)); !found || !strings.Contains(string(page), said) {
			t.Errorf("%s is %v (found: %v): docs/numbers.md does not say %q", c.metric, n, found, said)
		}
	}
}

// TestReadmeExcerpt: each line of the README's excerpt of a summary is one that its
// first command prints, in that order; only the wall time may be another.
func TestReadmeExcerpt(t *testing.T) {
	testkit.Live(t, "plays what the README shows")
	t.Parallel()
	out, err := exec.Command(testkit.Quotalab(t), "run", "boulder-new-account", "--dir", filepath.Join(t.TempDir(), "record"), "-q").Output()
	if err != nil {
		t.Fatal(err)
	}
	wall := regexp.MustCompile(`played in [^,]+,`)
	printed := strings.Split(wall.ReplaceAllString(string(out), "played in …,"), "\n")
	excerpts := 0
	for _, b := range readmeBlocks(t) {
		if b.language != "text" {
			continue
		}
		excerpts++
		for line := range strings.SplitSeq(strings.TrimRight(wall.ReplaceAllString(b.text, "played in …,"), "\n"), "\n") {
			if line == "…" {
				continue
			}
			at := slices.Index(printed, line)
			if at < 0 {
				t.Fatalf("the README's excerpt has a line that the run does not print there: %q", line)
			}
			printed = printed[at+1:]
		}
	}
	if excerpts != 1 {
		t.Errorf("the README has %d excerpts of text, expected one", excerpts)
	}
}

// TestReadmeLimiter vets the README's own limiter with the sources that are here.
func TestReadmeLimiter(t *testing.T) {
	testkit.Live(t, "compiles the README's limiter")
	t.Parallel()
	programs := 0
	for _, b := range readmeBlocks(t) {
		if b.language != "go" {
			continue
		}
		programs++
		file := filepath.Join(t.TempDir(), "main.go")
		if err := os.WriteFile(file, []byte(b.text), 0o644); err != nil {
			t.Fatal(err)
		}
		runIn(t, ".", "go", "vet", file)
	}
	if programs != 1 {
		t.Errorf("the README has %d Go programs; expected one, the limiter of one's own", programs)
	}
}

// TestReadmeIsShort: what not everybody needs is in docs/, and each page is in its
// index and in the navigation of the site.
func TestReadmeIsShort(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), "\n"); n >= 200 {
		t.Errorf("README.md has %d lines, expected fewer than 200", n)
	}
	if !strings.Contains(string(text), "](docs/README.md)") {
		t.Error("README.md has no link to docs/README.md")
	}
	index, site := readIfThere(t, filepath.Join("docs", "README.md")), readIfThere(t, "mkdocs.yml")
	for _, page := range docsPages(t) {
		name := filepath.Base(page)
		if name != "README.md" && !strings.Contains(index, "]("+name+")") {
			t.Errorf("docs/README.md has no link to %s", page)
		}
		if !strings.Contains(site, ": "+name+"\n") {
			t.Errorf("the navigation of mkdocs.yml has no %s", page)
		}
	}
}

// ours is where the repository's files are on the web: a page of the site cannot link
// to a file outside docs/ otherwise.
const ours = "https://github.com/quotalab/quotalab/blob/main/"

// deadLinks returns the links of a page to files or headings that are not there.
func deadLinks(page, text string, read func(path string) (string, bool)) (dead []string) {
	fences := regexp.MustCompile("(?ms)^```.*?^```$")
	for _, m := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(fences.ReplaceAllString(text, ""), -1) {
		target, anchor, _ := strings.Cut(m[1], "#")
		path := filepath.Join(filepath.Dir(page), target)
		switch {
		case strings.HasPrefix(target, ours):
			path = strings.TrimPrefix(target, ours)
		case strings.Contains(target, "://"), strings.HasPrefix(target, "mailto:"):
			continue
		case target == "":
			path = page
		}
		to, found := read(path)
		if !found || anchor != "" && !slices.Contains(anchors(fences.ReplaceAllString(to, "")), anchor) {
			dead = append(dead, page+": "+m[1])
		}
	}
	return dead
}

// anchors are those of the headings of a text, as GitHub makes them.
func anchors(text string) (names []string) {
	for _, m := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(text, -1) {
		name := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		names = append(names, strings.ReplaceAll(name, " ", "-"))
	}
	return names
}

func TestNoDeadLinks(t *testing.T) {
	read := func(path string) (string, bool) {
		text, err := os.ReadFile(path)
		info, missing := os.Stat(path)
		return string(text), err == nil || missing == nil && info.IsDir()
	}
	for _, page := range append(docsPages(t), "README.md", "CHANGELOG.md", "SECURITY.md") {
		text, _ := read(page)
		for _, link := range deadLinks(page, text, read) {
			t.Errorf("dead link %s", link)
		}
	}
}

func TestDeadLinksCatches(t *testing.T) {
	read := func(path string) (string, bool) {
		text, ok := map[string]string{"docs/a.md": "# One `two`, three", "ci/x": ""}[path]
		return text, ok
	}
	for link, dead := range map[string]bool{
		"a.md": false, "b.md": true, "a.md#one-two-three": false, "a.md#one": true, "https://example.org/b": false,
		ours + "ci/x": false, ours + "ci/y": true, "#here": false, "#there": true, "../ci/x": false, "../ci/y": true,
	} {
		read := func(path string) (string, bool) {
			if path == "docs/page.md" {
				return "# Here", true
			}
			return read(path)
		}
		if got := deadLinks("docs/page.md", "see [it]("+link+")", read); (len(got) > 0) != dead {
			t.Errorf("%s: found dead: %q, expected %t", link, got, dead)
		}
	}
}

// TestReadmeFirstScreen: the two commands come first, and CI runs the second
// exactly as it stands there.
func TestReadmeFirstScreen(t *testing.T) {
	want := []string{"go run ./cmd/quotalab run boulder-new-account", testCommand}
	lines := readmeLines(t)
	if len(lines) < len(want) || !slices.Equal(lines[:len(want)], want) {
		t.Errorf("the README's first commands are %q, expected %q", lines[:min(len(lines), len(want))], want)
	}
	ci, err := os.ReadFile(filepath.Join(".ci", "run"))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(strings.Split(string(ci), "\n"), testCommand) {
		t.Errorf(".ci/run has no line %q", testCommand)
	}
}

// TestDocsYAML: the sweep and the rules of docs/ are what the language takes.
func TestDocsYAML(t *testing.T) {
	seen := map[string]int{}
	var blocks []block
	for _, page := range docsPages(t) {
		blocks = append(blocks, blocksOf(t, page)...)
	}
	for _, b := range blocks {
		var problems scenarios.Problems
		switch {
		case b.language != "yaml":
			continue
		case b.mark == "gate":
			_, problems = scenarios.DecodeGate("docs", []byte(b.text))
		case b.mark == "sweep":
			shipped, _ := scenarios.Source("sweep-limiters")
			played, _, _ := strings.Cut(string(shipped), "\nsweep:")
			_, problems = scenarios.Decode("docs", []byte(played+"\n"+b.text))
		}
		seen[b.mark]++
		if len(problems) > 0 {
			t.Error(problems)
		}
	}
	if seen["gate"] != 1 || seen["sweep"] != 1 {
		t.Errorf("docs/ has yaml blocks marked %v, expected one of each of gate and sweep", seen)
	}
}
