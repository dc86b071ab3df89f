package audit

import (
	"time"

	"github.com/quotalab/quotalab/models/usage"
	"github.com/quotalab/quotalab/results/record"
)

// notices judges every notice, in the order in which they were sent.
func (j *judge) notices() {
	for i := range j.Evaluations {
		e := &j.Evaluations[i]
		if e.Outcome != record.SentNotice {
			continue
		}
		n := notice{NoticeVerdict{Threshold: e.Threshold, At: e.SentAt, Run: e.Run}, e}
		segment := j.Contract.At(e.Judged())
		if o := j.standing(segment, e.Threshold, e.Judged()); o >= 0 {
			n.Verdict, n.Cause = j.known(segment, o, e)
			n.OutOfOrder = e.Delivered && j.after(o)
			j.met[o] = append(j.met[o], len(j.sent))
		} else {
			n.Verdict, n.Cause = Spurious, j.spurious(segment, e)
		}
		j.sent = append(j.sent, n)
	}
}

// standing is the last obligation of that threshold that stands at an instant,
// or −1.
func (j *judge) standing(segment usage.Segment, threshold, at int64) int {
	rolling := segment.Kind == usage.Rolling
	start, _ := segment.PeriodAt(at)
	for i := len(j.Obligations) - 1; i >= 0; i-- {
		o := j.Obligations[i]
		if o.Threshold != threshold || o.Rolling != rolling || o.Crossing > at {
			continue
		}
		if rolling && at < o.End || !rolling && o.Start == start {
			return i
		}
	}
	return -1
}

// known judges a notice of obligation o.
func (j *judge) known(segment usage.Segment, o int, e *record.Evaluation) (Verdict, Cause) {
	if !e.Delivered {
		return Undelivered, ""
	}
	var last *notice
	for _, n := range j.met[o] {
		if j.sent[n].by.Delivered {
			last = &j.sent[n]
		}
	}
	switch {
	case last == nil && j.Obligations[o].Crossing < j.begin():
		return WarmUp, ""
	case last == nil:
		return First, ""
	case overlap(last, e):
		return Duplicate, OverlappingRun
	case segment.Kind == usage.Rolling:
		return Duplicate, RollingRenewal
	case j.LimitChanged:
		return Duplicate, LogErased
	}
	return Duplicate, RecordOutsideWindow
}

// overlap tells whether neither of two evaluations could have seen the
// other's record: their runs started within a second of each other, or one
// recorded its notice after the other had begun to look.
func overlap(earlier *notice, e *record.Evaluation) bool {
	apart := earlier.Run - e.Run
	return -time.Second.Nanoseconds() <= apart && apart <= time.Second.Nanoseconds() || earlier.At > e.At
}

// after tells whether a higher threshold of what o is of was delivered before.
func (j *judge) after(o int) bool {
	this := j.Obligations[o]
	for i, other := range j.Obligations {
		if other.Threshold <= this.Threshold || other.Rolling != this.Rolling {
			continue
		}
		same := other.Start == this.Start
		if this.Rolling {
			same = other.Crossing < this.End && this.Crossing < other.End
		}
		if same && j.delivered(i) != nil {
			return true
		}
	}
	return false
}

// spurious is why a notice was sent for which there is no obligation.
func (j *judge) spurious(segment usage.Segment, e *record.Evaluation) Cause {
	rolling := segment.Kind == usage.Rolling
	start, _ := segment.PeriodAt(e.Judged())
	switch {
	case e.Limit != segment.Limit:
		return WrongLimit
	case !rolling && e.ReadFrom < start-j.Slack:
		return WrongPeriod
	case !rolling && j.Downsampled:
		return BoundaryStamp
	case rolling:
		return FallingOrBelow
	}
	for i, o := range j.Obligations {
		if o.Threshold == e.Threshold && o.Crossing <= e.Judged() && len(j.met[i]) == 0 {
			return LateData
		}
	}
	return OtherCause
}
