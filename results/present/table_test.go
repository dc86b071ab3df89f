package present_test

import (
	"strings"
	"testing"

	"github.com/quotalab/quotalab/results/present"
)

func TestTable(t *testing.T) {
	table := present.NewTable("name", ">count")
	var text, markdown strings.Builder
	write := func() {
		text.Reset()
		markdown.Reset()
		if err := table.Write(&text); err != nil {
			t.Fatal(err)
		}
		if err := table.Markdown(&markdown); err != nil {
			t.Fatal(err)
		}
	}
	if write(); text.Len()+markdown.Len() > 0 {
		t.Errorf("a table without rows: %q, %q", text.String(), markdown.String())
	}
	table.Add("a|b", "1")
	table.Add("ü", "1,000")
	write()
	if want := "  name  count\n  a|b       1\n  ü     1,000\n"; text.String() != want {
		t.Errorf("as text:\n%s\nwant:\n%s", text.String(), want)
	}
	if want := "| name | count |\n| --- | ---: |\n| a\\|b | 1 |\n| ü | 1,000 |\n"; markdown.String() != want {
		t.Errorf("as Markdown:\n%s\nwant:\n%s", markdown.String(), want)
	}
}
