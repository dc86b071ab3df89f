package report_test

import (
	"slices"
	"testing"

	"github.com/quotalab/quotalab/plots/report"
)

// clientsInput is limiterInput("") of two clients that are told apart, and a drop,
// which no client sent.
func clientsInput() report.Input {
	in := limiterInput("")
	set := in.Set
	once := slices.Clone(set.Timeline.Outcomes)
	times := slices.Clone(set.Latency)
	set.Timeline.Outcomes, set.Latency = nil, nil
	for c, client := range []string{"wfe", "ra"} {
		for i, o := range once {
			o.Client, times[i].Client, o.Rate = client, client, slices.Clone(o.Rate)
			for j := range o.Rate {
				o.Rate[j] /= float64(c + 1)
			}
			set.Timeline.Outcomes, set.Latency = append(set.Timeline.Outcomes, o), append(set.Latency, times[i])
		}
	}
	drop := once[2]
	drop.Client, drop.Decision, drop.Key = "", "dropped", "unread"
	set.Timeline.Outcomes = append(set.Timeline.Outcomes, drop)
	return in
}

// Lines of clients have their names in tables; in the charts one client's are shown
// at first, and all if they are asked for.
func TestClientsAreToldApart(t *testing.T) {
	inOrder(t, textOf(page(t, clientsInput())), "Lines of", "wfe", "ra", "all", "offered", "wfe: allowed, found", "ra: allowed, found", "dropped", "Requests per second over time", "wfe: denied, found", "ra: denied, found")
	p := openTab(t, newBrowser(t), written(t, clientsInput()), everyLook[0])
	const checked = `[...document.querySelectorAll("[data-line]:checked")].map((b) => b.closest("th").textContent).join("; ")`
	settled := `new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(` + drawn + `))))`
	pictures := map[string]bool{}
	for _, step := range []struct{ choose, want string }{
		{"", "offered; wfe: allowed, found; wfe: allowed, not found; wfe: denied, found; dropped"},
		{"ra", "offered; ra: allowed, found; ra: allowed, not found; ra: denied, found; dropped"},
		{"all", "offered; wfe: allowed, found; wfe: allowed, not found; wfe: denied, found; ra: allowed, found; ra: allowed, not found; ra: denied, found; dropped"},
	} {
		if step.choose != "" {
			eval[bool](p, `(() => { const s = document.querySelector("[data-sources]"); s.value = [...s.options].find((o) => o.text === "`+step.choose+`").value; s.dispatchEvent(new Event("change")); return true; })()`)
		}
		if got := eval[string](p, checked); got != step.want {
			t.Errorf("lines of %q: shown are %q, expected %q", step.choose, got, step.want)
		}
		pictures[eval[string](p, settled)] = true
	}
	if len(pictures) != 3 {
		t.Errorf("the charts have %d forms, expected another for each choice", len(pictures))
	}
	if found := p.inaccessible(); len(found) > 0 {
		t.Errorf("axe-core: %v", found)
	}
	p.clean(p.noises())
}
