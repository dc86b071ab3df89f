package report_test

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// stop of the tabulator key.
type stop struct {
	Name    string
	Outline float64 // width in px, 0 none
	Seen    bool
	Body    bool // not on the page's elements: the end
}

const stopNow = `(() => {
	const e = document.activeElement, style = getComputedStyle(e), r = e.getBoundingClientRect();
	return {Name: e.tagName + " " + (e.id || e.textContent.trim().slice(0, 40)), Outline: style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth),
		Seen: r.bottom > 0 && r.top < innerHeight && r.width > 0 && r.height > 0, Body: e === document.body};
})()`

// The tabulator key reaches everything that can be used, in the order of the
// page, and each stop can be seen.
func TestKeyboardReachesEverything(t *testing.T) {
	browser, path := newBrowser(t), written(t, limiterInput(""))
	for _, l := range someLooks {
		p := openTab(t, browser, path, l)
		want := eval[int](p, `[...document.querySelectorAll("a, button, input, [tabindex='0']")].filter((e) => e.checkVisibility()).length`)
		stops := 0
		for ; stops <= want; stops++ {
			p.do(chromedp.KeyEvent(kb.Tab))
			s := eval[stop](p, stopNow)
			if s.Body {
				break
			}
			if stops == 0 && s.Name != "A Skip to the report" {
				t.Errorf("%s: the first stop is %s, expected the link that skips to the report", l, s.Name)
			}
			if s.Outline < 2 || !s.Seen {
				t.Errorf("%s: stop %s: outline of %g px, in view: %v", l, s.Name, s.Outline, s.Seen)
			}
		}
		if stops != want || want < 40 {
			t.Errorf("%s: the tabulator key stops %d times, expected %d", l, stops, want)
		}
		p.clean(p.noises())
	}
}

func TestSkipLink(t *testing.T) {
	p := openTab(t, newBrowser(t), written(t, limiterInput("")), everyLook[0])
	p.do(chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Enter))
	if got := eval[string](p, `document.activeElement.id`); got != "main" {
		t.Errorf("the skip link leads to %q, expected main", got)
	}
}

// Headings descend one level at a time, and every id is there once.
func TestOutline(t *testing.T) {
	browser := newBrowser(t)
	for _, path := range []string{written(t, limiterInput("")), written(t, limiterInput(""), engineInput(), liveInput())} {
		p := openTab(t, browser, path, everyLook[0])
		const script = `(() => {
			const wrong = [];
			let last = 0;
			for (const h of document.querySelectorAll("h1, h2, h3, h4, h5, h6")) {
				const level = Number(h.tagName[1]);
				if (level > last + 1) wrong.push(h.tagName + " " + h.textContent + " after h" + last);
				last = level;
			}
			const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
			for (const id of ids) if (ids.filter((i) => i === id).length > 1) wrong.push("id " + id + " twice");
			for (const a of document.querySelectorAll("a")) if (!document.getElementById(a.hash.slice(1))) wrong.push("link to nowhere: " + a.hash);
			for (const e of document.querySelectorAll("[aria-labelledby]")) if (!document.getElementById(e.getAttribute("aria-labelledby"))) wrong.push("named by nothing: " + e.outerHTML.slice(0, 99));
			return wrong;
		})()`
		p.clean(eval[[]string](p, script))
	}
}

// What the checks are for is found by them.
func TestChecksCatch(t *testing.T) {
	p := openTab(t, newBrowser(t), written(t, engineInput()), everyLook[0])
	p.clean(p.fits(1280), p.apart(), p.inaccessible(), p.noises())
	eval[bool](p, `(() => {
		const over = document.createElement("p");
		over.textContent = "a text that lies across another one";
		Object.assign(over.style, {position: "absolute", left: "300px", top: document.querySelector(".verdict").getBoundingClientRect().top + "px", color: "#bbbbbb", width: "1500px"});
		document.querySelector("main").append(over);
		document.querySelector(".wide text").setAttribute("x", "-90");
		document.querySelector("button").firstChild.remove();
		console.log("noise");
		return fetch("http://127.0.0.1:1/").then(() => true, () => true);
	})()`)
	for what, found := range map[string][]string{"the width": p.fits(1280), "axe-core": p.inaccessible(), "noises": p.noises()} {
		if len(found) == 0 {
			t.Errorf("%s: a spoiled page passes", what)
		}
	}
	if found := p.apart(); len(found) < 2 {
		t.Errorf("texts: %q, expected one across another and one cut off by its figure", found)
	}
}
