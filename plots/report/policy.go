package report

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html/template"
	"strings"
)

// inline are the style sheets and scripts of a page, and the policy that lets
// in these alone.
type inline struct {
	Policy  string
	Styles  template.HTML
	Scripts template.HTML
}

// newInline from the assets and the style sheet that declares colours.
func newInline(colours string) (inline, error) {
	styles, err := readAll("uplot/uPlot.min.css", "style.css")
	if err != nil {
		return inline{}, err
	}
	scripts, err := readAll("uplot/uPlot.iife.min.js", "charts.js", "report.js")
	if err != nil {
		return inline{}, err
	}
	var page inline
	var styleHashes, scriptHashes []string
	for _, s := range append(styles, colours) {
		page.Styles += template.HTML("<style>" + s + "</style>\n")
		styleHashes = append(styleHashes, hashOf(s))
	}
	for _, s := range scripts {
		page.Scripts += template.HTML("<script>" + s + "</script>\n")
		scriptHashes = append(scriptHashes, hashOf(s))
	}
	page.Policy = "default-src 'none'; style-src " + strings.Join(styleHashes, " ") + "; script-src " + strings.Join(scriptHashes, " ") +
		"; img-src data:; base-uri 'none'; form-action 'none'"
	return page, nil
}

// readAll assets. None may end the element that it stands in.
func readAll(names ...string) (texts []string, err error) {
	for _, name := range names {
		b, err := assets.ReadFile("assets/" + name)
		if err != nil {
			return nil, err
		}
		if text := strings.ToLower(string(b)); strings.Contains(text, "</script") || strings.Contains(text, "</style") || strings.Contains(text, "<!--") {
			return nil, fmt.Errorf("asset %s holds the end of a script or a style sheet, or the start of a comment: it cannot stand in a page", name)
		}
		texts = append(texts, string(b))
	}
	return texts, nil
}

// hashOf the text between the tags of an element, as a policy has it.
func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
