package report_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

func contains(text, part string) bool { return strings.Contains(text, strings.TrimSpace(part)) }

// fits tells whether the page as a whole scrolls sideways.
func (p *tab) fits(width int64) []string {
	if got := eval[int64](p, `document.documentElement.scrollWidth`); got > width {
		return []string{fmt.Sprintf("the page is %d px wide: expected at most %d", got, width)}
	}
	return nil
}

// overlaps lists texts that overlap another one by more than a pixel each way, as
// far as both can be seen, and figures' texts that are cut off.
const overlaps = `(() => {
	const boxes = [], found = [];
	const clips = new Map();
	const clipOf = (element) => {
		if (!element || element === document.documentElement) return { left: -1e9, right: 1e9, top: -1e9, bottom: 1e9 };
		if (clips.has(element)) return clips.get(element);
		let clip = clipOf(element.parentElement);
		const style = getComputedStyle(element);
		if (style.overflowX !== "visible" || element.classList.contains("hidden")) {
			const r = element.getBoundingClientRect();
			clip = { left: Math.max(clip.left, r.left), right: Math.min(clip.right, r.right), top: Math.max(clip.top, r.top), bottom: Math.min(clip.bottom, r.bottom) };
		}
		clips.set(element, clip);
		return clip;
	};
	const add = (r, element, text) => {
		const c = clipOf(element);
		const box = { text, left: Math.max(r.left, c.left) + 1, right: Math.min(r.right, c.right) - 1, top: Math.max(r.top, c.top) + 1, bottom: Math.min(r.bottom, c.bottom) - 1 };
		if (box.right > box.left && box.bottom > box.top) boxes.push(box);
	};
	const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	for (let node; (node = walker.nextNode());) {
		const text = node.textContent.trim(), element = node.parentElement;
		if (!text || !element.checkVisibility() || element.closest("script, style, .hidden, .skip")) continue;
		if (element.closest("svg")) {
			const r = element.getBoundingClientRect(), frame = element.closest("svg").getBoundingClientRect();
			if (r.left < frame.left - 1 || r.right > frame.right + 1 || r.top < frame.top - 1 || r.bottom > frame.bottom + 1) found.push(text + " is cut off by its figure");
			add(r, element, text);
			continue;
		}
		const range = document.createRange();
		range.selectNodeContents(node);
		for (const r of range.getClientRects()) add(r, element, text);
	}
	boxes.sort((a, b) => a.top - b.top);
	for (let i = 0; i < boxes.length; i++) {
		for (let j = i + 1; j < boxes.length && boxes[j].top < boxes[i].bottom; j++) {
			const a = boxes[i], b = boxes[j];
			if (a.left < b.right && b.left < a.right) found.push(a.text.slice(0, 60) + " and " + b.text.slice(0, 60));
		}
	}
	if (boxes.length < 50) found.push("only " + boxes.length + " texts found: nothing was looked at");
	return found;
})()`

// apart lists texts that overlap or are cut off.
func (p *tab) apart() []string { return eval[[]string](p, overlaps) }

// violation of a rule of axe-core.
type violation struct {
	ID, Impact, Help string
	Nodes            []string
}

// inaccessible lists what breaks axe-core's rules.
func (p *tab) inaccessible() (found []string) {
	p.t.Helper()
	axe, err := os.ReadFile("testdata/axe-core/axe.min.js")
	if err != nil {
		p.t.Fatal(err)
	}
	eval[bool](p, string(axe)+"; true")
	const script = `axe.run(document, {resultTypes: ["violations"]}).then((r) => r.violations.map((v) => ({
		ID: v.id, Impact: v.impact, Help: v.help, Nodes: v.nodes.slice(0, 5).map((n) => n.target.join(" ") + ": " + n.failureSummary)})))`
	for _, v := range eval[[]violation](p, script) {
		text := fmt.Sprintf("%s (%s): %s\n%s", v.ID, v.Impact, v.Help, strings.Join(v.Nodes, "\n"))
		if v.Impact == "serious" || v.Impact == "critical" {
			found = append(found, text)
			continue
		}
		p.t.Log(text)
	}
	return found
}

// noises lists what the page said on the console, and what it asked for beside
// itself.
func (p *tab) noises() (found []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.said {
		found = append(found, "said on the console: "+s)
	}
	served := strings.HasPrefix(p.own, "http:") // a page that goes on asks for more than itself
	if foreign := slices.ContainsFunc(p.requests, func(r string) bool { return !strings.HasPrefix(r, p.own) && r != "data:," }); foreign || len(p.requests) != 1 && !served {
		found = append(found, fmt.Sprintf("requested %q: expected %s alone", p.requests, p.own))
	}
	return found
}

// clean checks that lists of problems are empty.
func (p *tab) clean(lists ...[]string) {
	p.t.Helper()
	for _, list := range lists {
		for _, problem := range list {
			p.t.Error(problem)
		}
	}
}
