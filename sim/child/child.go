// Package child owns what must not outlive this program: the processes that it
// starts, its temporary folders, and its Unix sockets.
//
// What flows in: commands, and what folders are for. What flows out: processes
// and folders that are there until their owner lets go, or until End,
// which the program calls however it ends. A process dies with this program even
// if that is killed (on Linux). A folder is then there until the next start of
// quotalab calls RemoveStale: a lock, which the kernel gives back when its holder
// dies, tells it from those that are in use. sim/ and cmd/ import it.
package child

import (
	"errors"
	"slices"
	"sync"
)

// owned is all that must not outlive this process. It is global as the process is.
var owned owner

// owner undoes what was made, the latest first.
type owner struct {
	mu   sync.Mutex // held while anything is made, and until the program exits
	held []*holding
}

// holding is undone once.
type holding struct{ undo func() error }

// Own makes something that undo undoes, when release is called or at the End of
// the program. There is no instant at which it is made and nobody's.
func Own(make, undo func() error) (release func() error, err error) { return owned.own(make, undo) }

func (o *owner) own(make, undo func() error) (release func() error, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := make(); err != nil {
		return nil, err
	}
	h := &holding{sync.OnceValue(undo)}
	o.held = append(o.held, h)
	return func() error {
		err := h.undo()
		o.mu.Lock()
		defer o.mu.Unlock()
		o.held = slices.DeleteFunc(o.held, func(other *holding) bool { return other == h })
		return err
	}, nil
}

// End undoes all that there is, and calls exit with what failed before anything
// new can be made.
func End(exit func(error)) { owned.end(exit) }

func (o *owner) end(exit func(error)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var errs []error
	for _, h := range slices.Backward(o.held) {
		errs = append(errs, h.undo())
	}
	o.held = nil
	exit(errors.Join(errs...))
}
