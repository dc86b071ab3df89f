package report_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/plots/draw"
	"github.com/quotalab/quotalab/plots/report"
)

// written report, and where.
func written(t *testing.T, in ...report.Input) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(path, []byte(page(t, in...)), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// Every kind of report in every look, or in some: the console stays silent, nothing is
// requested, nothing is in another's way, and all can be used without eyes or a
// mouse.
func TestReportsInChromium(t *testing.T) {
	browser := newBrowser(t)
	reports := map[string][]report.Input{"compared": {limiterInput(""), liveInput()}, "engines": {engineInput()},
		"boulder-not-found": {must(t, notFound)}, "flagsmith-5069": {must(t, flagsmith)}}
	for name, in := range reports {
		path := written(t, in...)
		for _, l := range testkit.Full(everyLook, someLooks) {
			t.Run(fmt.Sprintf("%s %s", name, l), func(t *testing.T) {
				p := openTab(t, browser, path, l)
				p.picture(name + " " + l.String())
				p.clean(p.fits(l.width), p.apart(), p.inaccessible(), p.noises())
			})
		}
	}
}

// A browser that has nothing but DejaVu, which is an eighth wider than the figures'
// own font, cuts nothing off and draws nothing over another text.
func TestFiguresFitWithOtherFonts(t *testing.T) {
	fonts := filepath.Dir(testkit.Program(t, "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf", "fonts-dejavu-core"))
	dir := t.TempDir()
	config := filepath.Join(dir, "fonts.conf")
	text := fmt.Sprintf(`<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig><dir>%s</dir><cachedir>%s</cachedir>
		<alias><family>sans-serif</family><prefer><family>DejaVu Sans</family></prefer></alias></fontconfig>`, fonts, emptyFolder(t))
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	browser, path := newBrowser(t, "FONTCONFIG_FILE="+config), written(t, must(t, notFound))
	for _, l := range []look{everyLook[0], everyLook[2]} {
		p := openTab(t, browser, path, l)
		const label = "allowed, not found 51 %"
		width := eval[float64](p, `(() => { const c = document.createElement("canvas").getContext("2d"); c.font = '16px "Liberation Sans", Arial, sans-serif'; return c.measureText("`+label+`").width; })()`)
		if own := draw.TextWidth(label, 16, false); width < 1.05*own {
			t.Errorf("%s: %q is %.1f wide, in the figures' own font %.1f: the browser has fonts that are no wider; the test looks at nothing", l, label, width, own)
		}
		p.clean(p.fits(l.width), p.apart())
	}
}

// On paper there are all figures and tables, and nothing that only works on a
// screen; the colours are those of paper whatever the theme.
func TestPrinted(t *testing.T) {
	browser, path := newBrowser(t), written(t, limiterInput(""))
	for _, l := range []look{{theme: "dark", width: 800, media: "print"}, {theme: "dark", width: 375, media: "print"}} {
		p := openTab(t, browser, path, l)
		p.picture("printed " + l.String())
		for what, script := range map[string]string{
			"every figure once":       `[...document.querySelectorAll(".drawn")].every((f) => f.querySelector(".wide").checkVisibility() && !f.querySelector(".narrow").checkVisibility())`,
			"no charts for the mouse": `!document.querySelector(".explorer").checkVisibility()`,
			"no buttons":              `[...document.querySelectorAll("button:not(.sort)")].every((b) => !b.checkVisibility())`,
			"whole tables":            `[...document.querySelectorAll(".scroll")].every((s) => getComputedStyle(s).overflowY === "visible" && getComputedStyle(s).maxHeight === "none")`,
			"black on white":          `getComputedStyle(document.body).backgroundColor === "rgb(255, 255, 255)"`,
			"figures on white":        `getComputedStyle(document.querySelector(".wide path")).fill === "rgb(255, 255, 255)"`,
		} {
			if !eval[bool](p, script) {
				t.Errorf("%s: not so: %s", l, what)
			}
		}
		p.clean(p.noises())
	}
}

// Without scripts figures and tables stand alone.
func TestWithoutScripts(t *testing.T) {
	browser, path := newBrowser(t), written(t, limiterInput(""))
	for _, l := range []look{{theme: "light", width: 1280, noJS: true}, {theme: "dark", width: 375, noJS: true}} {
		p := openTab(t, browser, path, l)
		p.picture("limiter " + l.String())
		for what, script := range map[string]string{
			"figures are shown":           `[...document.querySelectorAll(".drawn")].every((f) => [...f.querySelectorAll("svg")].filter((s) => s.checkVisibility()).length === 1)`,
			"tables are shown":            `[...document.querySelectorAll(".data table")].every((t) => t.checkVisibility() && t.tBodies[0].rows.length > 0)`,
			"no button that does nothing": `[...document.querySelectorAll("button")].every((b) => !b.checkVisibility())`,
			"no empty chart":              `!document.querySelector(".explorer").checkVisibility()`,
			"all scrolls by keyboard":     `[...document.querySelectorAll(".scroll, pre")].every((s) => s.tabIndex === 0)`,
		} {
			if !eval[bool](p, script) {
				t.Errorf("%s: not so: %s", l, what)
			}
		}
		p.clean(p.fits(l.width), p.apart(), p.noises())
	}
}

// Names come from scenarios, keys from logs: none is ever taken for markup.
func TestHostileNamesAreInert(t *testing.T) {
	const hostile = `</script></style></svg>"'><script>window.pwned = 1</script><img src=http://example.invalid/x onerror="window.pwned = 2"><!-- & `
	browser := newBrowser(t)
	for name, in := range map[string][]report.Input{"one": {limiterInput(hostile)}, "compared": {limiterInput(hostile), limiterInput(`"` + hostile)}} {
		path := written(t, in...)
		p := openTab(t, browser, path, everyLook[0])
		p.picture("hostile " + name)
		if eval[bool](p, `"pwned" in window`) {
			t.Errorf("%s: a script in a name ran", name)
		}
		if n := eval[int](p, `document.images.length + document.querySelectorAll("script:not([type])").length`); n != 3 {
			t.Errorf("%s: the page has %d scripts and pictures, expected 3 scripts", name, n)
		}
		for what, script := range map[string]string{
			"heading":        `document.querySelector("main").textContent`,
			"key in a table": `document.querySelector("#" + CSS.escape("` + map[string]string{"one": "", "compared": "record-1-"}[name] + `example-0")).textContent`,
		} {
			if text := eval[string](p, script); !contains(text, hostile) {
				t.Errorf("%s: %s: expected the name as it is", name, what)
			}
		}
		p.clean(p.noises())
	}
}
