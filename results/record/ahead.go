package record

import (
	"errors"
	"fmt"
)

// ahead is one reading of one kind of rows. While some rows are used, the next
// are decoded, checked and hashed beside it: each is about half of the work of an
// analyser, so with two processors a reading takes half of the time.
type ahead[T any] struct {
	full  chan ready[T]
	free  chan []T
	ended chan struct{} // closed when no more rows are wanted
}

// ready are rows, and what came after them if nothing can.
type ready[T any] struct {
	rows []T
	err  error
}

// errEnded says that no more rows are wanted.
var errEnded = errors.New("no more rows are wanted")

func readAhead[T any](r *Reader, of *layout[T], parts []Part) *ahead[T] {
	const batches = 2 // one is used, one is read
	a := &ahead[T]{full: make(chan ready[T]), free: make(chan []T, batches), ended: make(chan struct{})}
	for range batches {
		a.free <- make([]T, of.batch)
	}
	go func() {
		defer close(a.full)
		p := pass[T]{ahead: a, layout: of, hash: newHasher(of), check: of.check()}
		for _, part := range parts {
			if err := p.part(r.path(part), part); err != nil {
				_ = a.send(ready[T]{err: err}) // errEnded: there is nobody to tell
				return
			}
		}
	}()
	return a
}

// end the reading: its file is closed.
func (a *ahead[T]) end() {
	close(a.ended)
	for range a.full {
	}
}

func (a *ahead[T]) send(b ready[T]) error {
	select {
	case a.full <- b:
		return nil
	case <-a.ended:
		return errEnded
	}
}

// buffer that is not in use.
func (a *ahead[T]) buffer() ([]T, error) {
	select {
	case b := <-a.free:
		return b, nil
	case <-a.ended:
		return nil, errEnded
	}
}

// pass is the half of a reading that decodes.
type pass[T any] struct {
	*ahead[T]
	layout *layout[T]
	hash   *hasher[T]
	check  func(*T) error
}

// part sends the rows of one part.
func (s *pass[T]) part(path string, p Part) (err error) {
	f, err := openPartFile(s.layout, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if n := f.parquet.NumRows(); n != p.Count {
		return fmt.Errorf("%s: %w: it holds %d %s, the manifest says %d", path, ErrDamaged, n, s.layout.name, p.Count)
	}
	for left := p.Count; left > 0; {
		buffer, err := s.buffer()
		if err != nil {
			return err
		}
		list, err := f.read(buffer[:min(left, int64(len(buffer)))])
		if err != nil {
			return err
		}
		n, err := s.checked(list)
		if err := s.send(ready[T]{rows: list[:n]}); err != nil {
			return err
		}
		if err != nil {
			return fmt.Errorf("%s: %w: %w", path, ErrDamaged, err)
		}
		left -= int64(len(list))
	}
	if h := s.hash.sum(); h != p.Hash {
		return fmt.Errorf("%s: %w: the content's hash up to its end is %s, the manifest says %s", path, ErrDamaged, h, p.Hash)
	}
	return nil
}

// checked rows are hashed; n is how many of them are in order.
func (s *pass[T]) checked(list []T) (n int, err error) {
	for i := range list {
		if err := s.check(&list[i]); err != nil {
			return i, err
		}
		s.hash.add(&list[i])
	}
	return len(list), nil
}
