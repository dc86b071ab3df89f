package foreign

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/limiter"
)

// done waits until the child has done all that it does with what it was given,
// for some requests. The kernel shows that in any case. A shim with a barrier, or
// the consequence of every request, are faster, and are believed where the limiter
// was checked to come to the same by them.
func (p *Process) done(fds []int, owners []*request) error {
	if !p.started || p.spec.Quiet == limiter.Exact {
		return p.asleep(fds)
	}
	sure, err := true, error(nil)
	if p.spec.Clock == clockNode {
		err = p.drained()
	} else {
		sure = len(owners) > 0
		err = p.counted(owners)
	}
	if err == nil && !(sure && p.satisfied(owners)) { // a request waits inside the child, or for other threads
		err = p.asleep(fds)
	}
	return err
}

// asleep waits until the kernel shows that nothing moves in the child.
func (p *Process) asleep(fds []int) error {
	wait := 30 * time.Microsecond
	for {
		some, err := p.program.poll(wait)
		if err != nil {
			return err
		}
		if some {
			wait = 10 * time.Microsecond
			continue
		}
		if !p.program.unread(fds) && p.program.watcher.quiet() {
			if some, err = p.program.poll(0); err != nil || !some {
				return err
			}
			continue
		}
		if err := p.overdue(); err != nil {
			return err
		}
		wait = min(wait*5/4, time.Millisecond)
	}
}

// patience is how long the child is waited for. What it waits for a processor is
// not its own doing: the machine may have others to run.
type patience struct {
	next   time.Time // when to look at it
	since  time.Time // of the first look; zero: there was none
	ran    time.Duration
	queued time.Duration
}

// overdue fails where there is nothing to wait for any more. In the second half of
// its time the child must have computed, or slept, for as long as that.
func (p *Process) overdue() error {
	if p.program.ended() {
		return errors.New("it ended")
	}
	now, had := clock.Now(), &p.patience
	if now.Before(had.next) {
		return nil
	}
	ran, queued := p.program.watcher.spent()
	half := p.spec.Patience / 2
	switch {
	case had.since.IsZero():
		had.since, had.ran, had.queued = now, ran, queued
	case ran-had.ran >= half, now.Sub(had.since)-(queued-had.queued) >= half:
		return fmt.Errorf("it is still busy after %s: it computes without end, or waits by the wall clock", unit.Time(p.spec.Patience))
	}
	had.next = now.Add(p.spec.Patience / 20)
	return nil
}

// fullPipe is how long a shim is waited for, in real time, before what the child
// has written is read, which it may need for going on. Go's scheduler does not know
// of that wait.
const fullPipe = 5 * time.Millisecond

// drained asks the child's shim for a barrier, which it answers when the event
// loop has nothing left to do, and takes in all that was written before. It waits
// for the shim alone, so as not to be woken by all that comes before it.
func (p *Process) drained() error {
	p.barriers++
	p.text = append(strconv.AppendInt(append(p.text[:0], `{"barrier":`...), p.barriers, 10), '}', '\n')
	if err := p.program.write(p.program.control, p.text); err != nil && !p.program.ended() {
		return fmt.Errorf("asking its shim for a barrier: %w", err)
	}
	for p.program.barrier < p.barriers {
		heard, err := p.program.hear()
		if err == nil {
			err = p.takeAll()
		}
		if err == nil && !heard {
			err = p.overdue()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// firstConsequence is how long, in real time, the consequence of a request is
// waited for before the kernel is asked whether there will be any.
const firstConsequence = 300 * time.Microsecond

// counted waits a little until each request has been answered or has sent a
// command.
func (p *Process) counted(owners []*request) error {
	for limit := clock.Now().Add(firstConsequence); !p.satisfied(owners) && clock.Now().Before(limit); {
		if _, err := p.program.poll(firstConsequence); err != nil {
			return err
		}
	}
	return p.takeAll()
}

// takeAll takes in what is there.
func (p *Process) takeAll() error {
	for {
		if _, err := p.program.poll(0); err != nil || !p.program.full {
			return err
		}
	}
}

// satisfied reports whether each request has been answered or has a command
// under way, as far as their numbers show.
func (p *Process) satisfied(owners []*request) bool {
	n := p.written()
	for _, r := range owners {
		if r.underWay > 0 {
			n++
		}
	}
	return n >= len(owners)
}

// written returns how many answers and commands the child has written that are
// not harvested yet.
func (p *Process) written() int {
	n := len(p.program.answers)
	for _, c := range p.program.talked {
		n += len(c.cmds)
	}
	for _, e := range p.program.exchanges {
		if e.of == nil || len(e.in) == 0 && !e.ended {
			continue
		}
		if _, whole, _, err := parseResponse(e.in, e.ended, time.Time{}); whole || err != nil {
			n++
		}
	}
	return n
}

// wasQuiet fails where the child has gone on after the last step was over.
func (p *Process) wasQuiet() error {
	if err := p.takeAll(); err != nil {
		return err
	}
	if err := p.answerAll(); err != nil {
		return err
	}
	switch {
	case p.written() == 0:
		return nil
	case p.spec.Quiet == limiter.Exact:
		return errors.New("it went on by itself after all of its threads had come to rest: it waits by a clock of its own, which is not the run's")
	}
	return fmt.Errorf("it went on after it seemed to have done all: quiet: %s is not for it, which quotalab check-child would show; say quiet: exact", p.spec.Quiet)
}

// giveBatch gives the child what has come at this instant in the order in which
// it came, at once what came one after the other on one descriptor.
func (p *Process) giveBatch() {
	all := p.batch
	p.batch = nil
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[0].fd != p.program.control && all[n].fd == all[0].fd && all[n].conn == all[0].conn {
			n++
		}
		p.give(all[:n]...)
		all = all[n:]
	}
}
