package cmd_test

import (
	"errors"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/quotalab/quotalab/results/record"
)

// quotas DIR writes a record by hand: three accounts reach 80 % of their limit
// after an hour; engine good tells all of them at once, engine bad the third
// after a day and the others nothing.
func quotas(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: quotas DIR")
	}
	const hour = int64(time.Hour)
	m := record.Manifest{Scenario: "quotas", Clock: "virtual", Epoch: time.Unix(0, 0).UTC(), Horizon: 30 * 24 * time.Hour, Shards: []string{},
		Asserts: []record.Assertion{{Selector: "missed{engine=good}", Check: "count == 0"}, {Selector: "missed{engine=bad,threshold=75}", Check: "count == 2"}}}
	w, err := record.Create(ts.MkAbs(args[0]), m)
	ts.Check(err)
	notice := func(engine string, account, at int64) error {
		return w.WriteEvaluation(&record.Evaluation{Engine: engine, Account: account, At: at, Outcome: record.SentNotice, Limit: 100, Percent: 80, Threshold: 75, SentAt: at, Delivered: true})
	}
	for id := int64(1); id <= 3; id++ {
		ts.Check(errors.Join(notice("good", id, hour+1e9),
			w.WriteAccount(&record.Account{ID: id, Group: "startups", Contract: []record.ContractSegment{{Limit: 100}}, At: []int64{hour}, Units: []int64{80}})))
	}
	ts.Check(notice("bad", 3, 25*hour))
	_, err = w.Close(func(m *record.Manifest) {
		m.Complete = true
		for _, name := range []string{"good", "bad"} {
			m.Engines = append(m.Engines, record.Engine{Name: name, Kind: "inline", Thresholds: []int64{75, 90}, Last: 720 * hour, Slack: hour})
		}
	})
	ts.Check(err)
}
