package present_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quotalab/quotalab/internal/testkit"
)

// recipe is a query of a page with what the page shows of its answer; a query that
// makes a view has none.
var recipe = regexp.MustCompile("(?s)```sql\n(.*?)\n```(?:\n\n```text\n(.*?)\n```)?")

// shownRows is how many lines of an answer a page shows at most, with its columns.
const shownRows = 6

// DuckDB answers the queries of docs/duckdb.md as the page shows, from records that
// its commands made.
func TestDuckDBRecipes(t *testing.T) {
	node, modules, page := testkit.Program(t, "node", "nodejs"), nodeModules(t), filepath.Join("..", "..", "docs", "duckdb.md")
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	_, commands, _ := strings.Cut(string(text), "```sh\n")
	commands, _, _ = strings.Cut(commands, "```")
	for line := range strings.Lines(commands) {
		words := strings.Fields(line)
		run := exec.Command(testkit.Quotalab(t), words[1:]...)
		run.Dir = dir
		if out, err := run.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", line, err, out)
		}
	}
	var queries []string
	for _, r := range recipe.FindAllStringSubmatch(string(text), -1) {
		queries = append(queries, r[1])
	}
	if len(queries) < 11 {
		t.Fatalf("%s has %d queries, expected more than ten", page, len(queries))
	}
	asked, err := json.Marshal(append(queries, reserved))
	if err != nil {
		t.Fatal(err)
	}
	ask := exec.Command(node, filepath.Join("testdata", "node", "duckdb.cjs"), dir)
	ask.Env, ask.Stdin = append(os.Environ(), "NODE_PATH="+modules), bytes.NewReader(asked)
	out, err := ask.Output()
	if failed, ok := err.(*exec.ExitError); ok {
		t.Fatalf("%v\n%s", err, failed.Stderr)
	} else if err != nil {
		t.Fatal(err)
	}
	var answers [][]string
	if err := json.Unmarshal(out, &answers); err != nil {
		t.Fatal(err)
	}
	if names := answers[len(queries)]; len(names) > 1 {
		t.Errorf("columns whose names need quotes: %q", names[1:])
	}
	n := 0
	shown := recipe.ReplaceAllStringFunc(string(text), func(block string) string {
		query, answer := queries[n], answers[n]
		n++
		if strings.HasPrefix(query, "CREATE") {
			return block
		}
		if len(answer) < 2 {
			t.Errorf("no rows: %s", query)
		}
		return "```sql\n" + query + "\n```\n\n```text\n" + strings.Join(answer[:min(len(answer), shownRows)], "\n") + "\n```"
	})
	if *update {
		if err := os.WriteFile(page, []byte(shown), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(text), shown); diff != "" {
		t.Errorf("%s shows other answers than DuckDB gives; QUOTALAB_LIVE=1 go test ./results/present -run %s -update writes them (-page +answers):\n%s", page, t.Name(), diff)
	}
}

// reserved finds the columns of all files whose names are words of DuckDB's own that
// are no names by themselves.
const reserved = `SELECT DISTINCT name FROM parquet_schema(['shard-lost/observations/*.parquet', 'quotas/evaluations/*.parquet', 'quotas/accounts/*.parquet'])
JOIN duckdb_keywords() ON keyword_name = name WHERE keyword_category <> 'unreserved' AND name NOT IN ('list', 'element') ORDER BY ALL`
