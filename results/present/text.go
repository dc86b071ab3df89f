package present

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/summary"
)

// TextOptions are those of the text summary. The zero value is compact, in
// milliseconds, without colour, 100 columns wide.
type TextOptions struct {
	Mode   string // Compact or Full
	Unit   string // of times: s, ms or us
	Colour bool   // with ANSI escape sequences
	Width  int    // at which sentences are broken; tables are as wide as they are
}

func (o TextOptions) check() (TextOptions, error) {
	if o.Mode == "" {
		o.Mode = Compact
	}
	if o.Unit == "" {
		o.Unit = "ms"
	}
	if o.Width == 0 {
		o.Width = 100
	}
	if o.Mode != Compact && o.Mode != Full {
		return o, fmt.Errorf("summary mode %q: expected %s or %s", o.Mode, Compact, Full)
	}
	if _, ok := timeUnits[o.Unit]; !ok {
		return o, fmt.Errorf("time unit %q: expected s, ms or us", o.Unit)
	}
	if o.Width < 40 {
		return o, fmt.Errorf("width %d: expected at least 40 columns", o.Width)
	}
	return o, nil
}

// Text writes the summary for people: first whether it can be trusted and why
// not, then what is odd, then its sections.
func Text(w io.Writer, s *summary.Measured, o TextOptions) error {
	o, err := o.check()
	if err != nil {
		return err
	}
	buf, look := bufio.NewWriter(w), Look{o.Colour, o.Width}
	writeHead(buf, s, look)
	var errs []error
	for _, t := range Sections(s, o.Mode, o.Unit) {
		errs = append(errs, t.Write(buf, look))
	}
	return errors.Join(append(errs, buf.Flush())...)
}

// writeHead writes the verdict, what the run was and what is odd. Errors stay
// with the buffer.
func writeHead(w io.Writer, s *summary.Measured, l Look) {
	colour := green
	if !s.Valid || !s.OK {
		colour = red
	}
	bullets := func(colour string, items []string) {
		for _, item := range items {
			fmt.Fprintf(w, "  %s %s\n", l.paint(colour, "!"), wrap(item, l.Width-4, 4))
		}
	}
	sentence := func(text string) { fmt.Fprintf(w, "  %s\n", wrap(text, l.Width-2, 2)) }
	fmt.Fprintf(w, "%s: %s\n", l.paint(bold, metric.Printable(s.Scenario)), l.paint(colour, s.Verdict()+", "+AssertionsHeld(s)))
	if e := s.EndedBy; e != nil {
		bullets(red, []string{fmt.Sprintf("%s: %s ended the run at %s of %s", e.Metric, e.Check, unit.Lasting(e.AtSeconds), unit.Lasting(s.HorizonSeconds))})
	}
	bullets(red, s.Invalid)
	if s.Undecided != "" {
		bullets(red, []string{s.Undecided + ". A scenario that wants errors asserts them."})
	}
	if s.About != "" {
		sentence(s.About)
	}
	var facts []string
	for _, f := range Facts(s) {
		facts = append(facts, f.inLine())
	}
	sentence(strings.Join(facts, ", "))
	for _, line := range Schedule(s) {
		sentence(line)
	}
	if len(s.Warnings) > 0 {
		fmt.Fprintf(w, "\n%s\n", l.paint(bold, "Warnings"))
		bullets(yellow, s.Warnings)
	}
}
