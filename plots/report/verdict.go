package report

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/quotalab/quotalab/results/measure"
	"github.com/quotalab/quotalab/results/wording"
)

// verdict of a run in a word, and its reason in a sentence.
type verdict struct {
	Word   string // PASSED, FAILED or INVALID
	Class  string // of the style sheet
	Reason string
}

func verdictOf(s *measure.Summary) verdict {
	word := s.Verdict()
	return verdict{word, strings.ToLower(word), reasonOf(s)}
}

func reasonOf(s *measure.Summary) string {
	var failing []string
	for _, a := range s.Assertions {
		if !a.OK {
			failing = append(failing, a.Name())
		}
	}
	reason := "the scenario asserts nothing"
	if n := len(s.Assertions); n > 0 {
		reason = fmt.Sprintf("%d of %d assertions hold", s.Held(), n)
	}
	if len(failing) > 0 {
		reason += "; " + failing[0] + " does not"
	}
	if len(failing) > 1 {
		reason += fmt.Sprintf(", nor do %d more", len(failing)-1)
	}
	if s.Valid {
		return reason
	}
	why := "the run did not do what the scenario asked"
	if len(s.Invalid) > 0 {
		why = strings.TrimSuffix(s.Invalid[0], ".")
	}
	return why + " (" + reason + ")"
}

// validity says whether the numbers stand for what the scenario asked, as far
// as the verdict does not say it.
func validity(s *measure.Summary) (list []string) {
	if !s.Valid {
		for i, why := range s.Invalid {
			if i > 0 {
				list = append(list, sentence(why))
			}
		}
		return append(list, schedule(s)...)
	}
	list = []string{"The run is valid: it reached its end, dropped nothing and kept its schedule, so its numbers stand for what the scenario asks."}
	return append(list, schedule(s)...)
}

// schedule says how the generator kept it in real time, and whose latency is
// not what it seems.
func schedule(s *measure.Summary) (list []string) {
	if k := s.Schedule; k != nil {
		line := fmt.Sprintf("%s intended, %s achieved (ratio %.4f)", perSecond(k.IntendedPerSecond), perSecond(k.AchievedPerSecond), k.Ratio)
		if k.LagP99 != nil {
			line += fmt.Sprintf("; lag %s at the median, %s at the 99th percentile, which may be %s, %s at most", short(*k.LagMed), short(*k.LagP99), short(k.LagBound), short(*k.LagMax))
		}
		list = append(list, line+".")
	}
	if len(s.AutoPipelined) > 0 {
		list = append(list, "Auto-pipelined: "+strings.Join(s.AutoPipelined, ", ")+". Latency of auto-pipelined clients hides queueing.")
	}
	return list
}

// sentence begins with a capital letter.
func sentence(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[size:]
}

func perSecond(rate float64) string {
	if rate >= 1000 {
		return wording.Thousands(int64(rate+0.5)) + "/s"
	}
	return general(rate).Text + "/s"
}

// short time: 1.23 ms.
func short(seconds float64) string {
	for _, u := range []struct {
		name string
		size float64
	}{{"s", 1}, {"ms", 1e-3}} {
		if seconds >= u.size || seconds <= -u.size {
			return significant(seconds/u.size) + " " + u.name
		}
	}
	return significant(seconds/1e-6) + " µs"
}

// significant has three digits, or all that are before the point.
func significant(v float64) string {
	if v >= 1000 || v <= -1000 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

// fact of a run in a few words.
type fact struct{ Name, Value string }

// facts say how much the run was.
func facts(s *measure.Summary) []fact {
	list := []fact{{"seed", strconv.FormatUint(s.Seed, 10)}, {"clock", s.Clock}, {"length", lasting(s.HorizonSeconds)}}
	if s.WarmupSeconds > 0 {
		list = append(list, fact{"warm-up, not counted", lasting(s.WarmupSeconds)})
	}
	if s.WallSeconds > 0 {
		list = append(list, fact{"played in", lasting(s.WallSeconds)})
	}
	switch {
	case s.Seen > 0:
		list = append(list, fact{"observations", wording.Thousands(s.Seen) + ", of which " + wording.Thousands(s.Observations) + " recorded"})
	case s.Observations > 0 || s.Accounts+s.Evaluations == 0:
		list = append(list, fact{"observations", wording.Thousands(s.Observations)})
	}
	if s.Accounts+s.Evaluations > 0 {
		list = append(list, fact{"accounts", wording.Thousands(s.Accounts)}, fact{"evaluations", wording.Thousands(s.Evaluations)})
	}
	return list
}
