package measure

import (
	"fmt"

	"github.com/quotalab/quotalab/results/audit"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/wording"
)

// invalid says why the run's numbers do not stand for what the scenario
// asked, nothing if they do. What the generator did wrong comes first: it
// makes all the rest worthless.
func (p *pass) invalid(a *audit.Result) []string {
	m := p.manifest
	why := p.schedule.judge(m, p.length()).late(m)
	switch {
	case m.Failed != nil: // as the scenario asked
	case m.Aborted != "":
		why = append(why, fmt.Sprintf("the run was aborted (%s): the numbers are of the %s up to there.", m.Aborted, extent(m)))
	case !m.Complete:
		why = append(why, fmt.Sprintf("the run did not reach its end: the numbers are of the %s in the parts that were closed.", extent(m)))
	}
	hasRequests, hasAccounts := len(m.Limiters) > 0 || len(m.Engines) == 0, a.Thresholds != nil && a.Thresholds.Accounts > 0
	if p.unknown {
		why = append(why, fmt.Sprintf("the run recorded %s of its observations and died before it wrote what it knew of the others: nothing was measured of requests.", only(m)))
	}
	if p.measured == 0 && hasRequests && m.Complete {
		why = append(why, "nothing was measured: no request was due after the warm-up.")
	}
	if len(m.Engines) > 0 && !hasAccounts {
		why = append(why, "nothing was measured of the engines: the record holds no account.")
	}
	if p.dropped > 0 {
		cause := "too many requests were under way (max_in_flight)"
		if m.Clock == "real" {
			cause += " or the generator was more than 1 s late"
		}
		w := fmt.Sprintf("%s not sent, because %s: the limiters saw less load than was asked for.", counted(p.dropped, "arrival was", "arrivals were"), cause)
		if p.droppedEarly > 0 {
			w += fmt.Sprintf(" %s so in the warm-up, which metrics leave out.", counted(p.droppedEarly, "was", "were"))
		}
		why = append(why, w)
	}
	if p.unexpected > 0 {
		why = append(why, fmt.Sprintf("%s for a reason that is neither Redis' nor the network's: the limiter itself failed.", counted(p.unexpected, "decision failed", "decisions failed")))
	}
	return why
}

// extent is how much a record holds.
func extent(m *record.Manifest) string {
	n := m.Count
	if !m.Whole() {
		n = m.Seen
	}
	if m.AccountCount+m.EvaluationCount == 0 {
		return wording.Counted(n, "observation")
	}
	return wording.Counted(n, "observation") + ", " + wording.Counted(m.AccountCount, "account") + " and " + wording.Counted(m.EvaluationCount, "evaluation")
}

func counted(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return wording.Thousands(n) + " " + many
}
