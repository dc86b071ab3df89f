package report

import (
	"errors"
	"strings"
	"testing"
)

func svg(inner string) []byte {
	return []byte(`<svg xmlns="http://www.w3.org/2000/svg" width="10pt" height="5pt" viewBox="0 0 10 5" role="img" aria-label="">` + inner + `</svg>`)
}

const root = `<svg role="img" class="wide" aria-label="a &lt;b&gt; &#34;c&#34;" viewBox="0 0 10 5">`

func TestThemed(t *testing.T) {
	for _, tt := range []struct{ why, light, dark, want string }{
		{"a colour in both", `<path d="M0,0" fill="#FFFFFF"/>`, `<path d="M0,0" fill="#15191E"/>`, `<path d="M0,0" fill="var(--c0)"></path>`},
		{"black is left out in SVG", `<path d="M0,0"/>`, `<path d="M0,0" fill="#EDEDED"/>`, `<path d="M0,0" fill="var(--c0)"></path>`},
		{"no fill is no colour", `<path stroke="#111111" fill="none"/>`, `<path stroke="#222222" fill="none"/>`, `<path stroke="var(--c0)" fill="none"></path>`},
		{"text is escaped", `<text x="1">a &lt;b&gt; &amp; &#34;c&#34;</text>`, `<text x="1">a &lt;b&gt; &amp; &#34;c&#34;</text>`, `<text x="1">a &lt;b&gt; &amp; &#34;c&#34;</text>`},
		{"a colour in text is text", `<text>fill="#123456"</text>`, `<text>fill="#123456"</text>`, `<text>fill=&#34;#123456&#34;</text>`},
		{"a comment is dropped", `<g><!-- x --></g>`, `<g><!-- x --></g>`, `<g></g>`},
	} {
		var c colours
		got, err := c.themed(svg(tt.light), svg(tt.dark), `a <b> "c"`, "wide")
		if want := root + tt.want + `</svg>`; err != nil || got != want {
			t.Errorf("%s: got %s, %v\nexpected %s", tt.why, got, err, want)
		}
	}
}

func TestThemedColoursAreSharedAndDeclared(t *testing.T) {
	var c colours
	if _, err := c.themed(svg(`<g fill="#FFFFFF"><g fill="#aaaaaa"/><g stroke="#ffffff"/></g>`), svg(`<g fill="#15191E"><g fill="#15191e"/><g stroke="#15191e"/></g>`), "", ""); err != nil {
		t.Fatal(err)
	}
	const want = ":root{--c0:#ffffff;--c1:#aaaaaa;}\n@media screen and (prefers-color-scheme:dark){:root{--c0:#15191e;--c1:#15191e;}}\n"
	if got := c.css(); got != want {
		t.Errorf("got %s, expected %s", got, want)
	}
}

// Where more than colours differs both forms are there, each in its own colours.
func TestThemedFormsThatDiffer(t *testing.T) {
	for why, dark := range map[string]string{
		"another element":    `<g fill="#222222"/>`,
		"one element more":   `<path d="M0,0" fill="#222222"/><g/>`,
		"another shape":      `<path d="M0,1" fill="#222222"/>`,
		"another attribute":  `<path d="M0,0" fill="#222222" opacity="0.5"/>`,
		"nothing inside":     ``,
		"other text":         `<text>x</text>`,
		"a fill and no fill": `<path d="M0,0" fill="none"/>`,
	} {
		var c colours
		got, err := c.themed(svg(`<path d="M0,0" fill="#111111"/>`), svg(dark), "", "wide")
		if err != nil || strings.Count(got, "<svg") != 2 || !strings.Contains(got, `class="wide light"`) || !strings.Contains(got, `class="wide dark"`) {
			t.Errorf("%s: got %s, %v", why, got, err)
		}
		if css := c.css(); strings.Count(css, "#111111") < 2 {
			t.Errorf("%s: the light form's colour is not the same in both themes: %s", why, css)
		}
	}
}

// Whatever could run or fetch something is refused, in either form.
func TestThemedRefuses(t *testing.T) {
	for _, inner := range []string{`<script>alert(1)</script>`, `<foreignObject/>`, `<path onclick="x"/>`, `<style>*{}</style>`, `<a href="#x"/>`, `<use href="#x"/>`,
		`<image href="http://example.invalid/x.png"/>`, `<image href="data:image/svg+xml,x"/>`, `<path style="fill:red"/>`, `<path>`, `<path fill="&x;"/>`} {
		for _, forms := range [][2]string{{inner, inner}, {inner, `<g/>`}, {`<g/>`, inner}} {
			var c colours
			if got, err := c.themed(svg(forms[0]), svg(forms[1]), "", ""); err == nil || errors.Is(err, errDiffer) {
				t.Errorf("light %s, dark %s: got %s, %v; expected to be refused", forms[0], forms[1], got, err)
			}
		}
	}
	var c colours
	if _, err := c.themed(svg(`<image href="data:image/png;base64,AAAA" width="1" height="1"/>`), svg(`<image href="data:image/png;base64,AAAA" width="1" height="1"/>`), "", ""); err != nil {
		t.Errorf("an embedded picture: %v", err)
	}
}

// An asset that ended its element would make the rest of it a part of the page.
func TestAssetsStandAlone(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		ok         bool
	}{
		{"a.js", "if (a --> 0) b = '<' + '/script>'", true},
		{"a.js", "x = '</SCRIPT>'", false},
		{"a.css", "/* </style */", false},
		{"a.js", "'<!--'", false},
		{"LICENSE", "<anyone@example.invalid> -- as is", true},
		{"LICENSE", "-->", false},
	} {
		if err := standsAlone(tt.name, tt.text); (err == nil) != tt.ok {
			t.Errorf("%s %q: got %v, expected to be taken: %v", tt.name, tt.text, err, tt.ok)
		}
	}
}
