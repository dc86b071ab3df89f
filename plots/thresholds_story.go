package plots

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/series"
	"github.com/quotalab/quotalab/results/wording"
)

// storyTitle tells what became of the crossing that the story is about.
func storyTitle(s *series.AccountStory) string {
	who := fmt.Sprintf("Account %d", s.ID)
	if s.Level == 0 {
		most := 0.0
		for _, p := range s.Usage {
			most = max(most, p.Y)
		}
		if most == 0 {
			return who + " was due no notice: it used nothing"
		}
		return fmt.Sprintf("%s was due no notice: it used at most %s %% of its limit", who, significant(most, 3))
	}
	own := engineStory(s, s.Engine)
	i := slices.IndexFunc(own.Crossings, func(c series.Crossing) bool {
		return c.At == s.At && c.Level == s.Level
	})
	c := own.Crossings[i]
	head := fmt.Sprintf("%s reached %d %% of its limit after %s", who, s.Level, amount(c.At, 4))
	wait := amount(c.Until-c.At, 2)
	switch s.Verdict {
	case "missed":
		return head + " and " + s.Engine + " did not tell it (" + causeWords(s.Cause) + ")" + meanwhile(s)
	case "late":
		return fmt.Sprintf("%s and %s told it %s later, too late (%s)", head, s.Engine, wait, causeWords(s.Cause))
	case "censored":
		return head + ", too close to the end of the run to judge " + s.Engine
	}
	return fmt.Sprintf("%s and %s told it %s later, in time", head, s.Engine, wait)
}

// meanwhile names an engine that told in time, if there is one.
func meanwhile(s *series.AccountStory) string {
	for _, e := range s.Engines {
		for _, c := range e.Crossings {
			if c.At == s.At && c.Level == s.Level && c.Verdict == "on-time" {
				return fmt.Sprintf("; %s told it after %s", e.Engine, amount(c.Until-c.At, 2))
			}
		}
	}
	return ""
}

func storySubtitle(s *series.AccountStory) string {
	words := fmt.Sprintf("account %d", s.ID)
	if s.Group != "" {
		words += " (" + s.Group + ")"
	}
	if len(s.Limit) == 1 {
		words += " · limit " + wording.Thousands(int64(s.Limit[0].Y))
	}
	return words
}

// storyNotes say when it was, who suppressed what, and what changed.
func storyNotes(set *series.Set, s *series.AccountStory, most float64) (notes []string) {
	at := func(x float64) string {
		return set.Manifest.Epoch.Add(time.Duration(x * 1e9)).UTC().Format("2006-01-02 15:04")
	}
	note := fmt.Sprintf("From %s to %s UTC.", at(s.From), at(s.Until))
	if by := suppressors(s); by != "" {
		note += " The suppressed evaluations found " + by + "."
	}
	for i, l := range s.Limit {
		if i > 0 {
			note += fmt.Sprintf(" The limit changed from %s to %s after %s.", wording.Thousands(int64(s.Limit[i-1].Y)), wording.Thousands(int64(l.Y)), amount(l.X, 4))
		}
		if i == 4 && len(s.Limit) > 5 {
			note += fmt.Sprintf(" It changed %d times more.", len(s.Limit)-5)
			break
		}
	}
	if slices.ContainsFunc(s.Looks, func(l series.Look) bool { return l.Percent > most }) {
		note += fmt.Sprintf(" More than %s %% was read in some evaluations, which are drawn there.", significant(most, 3))
	}
	if int64(len(s.Looks)) < s.LooksMade {
		note += fmt.Sprintf(" Drawn are %s of %s evaluations.", wording.Thousands(int64(len(s.Looks))), wording.Thousands(s.LooksMade))
	}
	return append(notes, note)
}

// suppressors are whose records suppressed evaluations, where that is part of the
// story: to tell once of what was told is as it should be.
func suppressors(s *series.AccountStory) string {
	var ids []int64
	for _, l := range s.Looks {
		if record.EvaluationOutcome(l.Outcome) == record.Suppressed && !slices.Contains(ids, l.By) {
			ids = append(ids, l.By)
		}
	}
	var names []string
	for _, id := range ids {
		name := fmt.Sprintf("a record of account %d", id)
		if id == s.ID {
			name = "an earlier record of its own"
			if !strings.Contains(s.Cause, "suppressed") {
				continue
			}
		}
		names = append(names, name)
	}
	return and(fewNames(names))
}
