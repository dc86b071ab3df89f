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
	licence, err := readAll("uplot/LICENSE")
	if err != nil {
		return inline{}, err
	}
	page := inline{Scripts: template.HTML("<!-- The first script is uPlot, and the first style sheet.\n" + licence[0] + "-->\n")}
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

// readAll assets.
func readAll(names ...string) (texts []string, err error) {
	for _, name := range names {
		b, err := assets.ReadFile("assets/" + name)
		if err != nil {
			return nil, err
		}
		if err := standsAlone(name, string(b)); err != nil {
			return nil, err
		}
		texts = append(texts, string(b))
	}
	return texts, nil
}

// standsAlone tells whether an asset ends no sooner than the element or comment
// that it stands in.
func standsAlone(name, text string) error {
	ends := []string{"</script", "</style", "<!--"}
	if strings.HasSuffix(name, "LICENSE") {
		ends = []string{"-->"}
	}
	for _, end := range ends {
		if strings.Contains(strings.ToLower(text), end) {
			return fmt.Errorf("asset %s holds %q: it cannot stand in a page", name, end)
		}
	}
	return nil
}

// hashOf the text between the tags of an element, as a policy has it.
func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
