package campaign

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/gofrs/flock"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/child"
)

// The directory of a sweep has a directory for each finished cell, named by the
// hash of its plan: a record, its summary and a cellFile. A cell is played
// into one with the suffix partial, which loses that when all is written. So
// whatever instant the process is killed at, a cell is finished or it has to be
// played.
const cellFileName = "cell.json"

// errOtherMade says that a finished cell is not what this sweep would make.
var errOtherMade = errors.New("made by another build of quotalab, or on other servers")

// cellFile says what made a cell, and what its record does not tell. It is the
// first file of a cell's directory, and when that is removed the last one.
type cellFile struct {
	Executable string `json:"executable"`        // SHA-256 of the program
	Servers    string `json:"servers,omitempty"` // of a run in real time: Given; of engine redis: its version
	Played
}

// sweepDir is the directory of a sweep. Its methods may be called at once, for
// different cells.
type sweepDir struct {
	path  string
	part  Part
	whole *flock.Flock // shared by the parts of a sweep, which may be played side by side
	own   *flock.Flock // of a part
	close func() error
}

// openSweepDir makes the directory, keeps other sweeps and the same part out of it, and
// removes what one that was killed has left half done. So does close what this one has.
func openSweepDir(path string, part Part) (d sweepDir, err error) {
	lock := filepath.Join(path, child.LockFile)
	d = sweepDir{path: path, part: part, whole: flock.New(lock), own: flock.New(lock + part.suffix())}
	d.close, err = child.Own(d.open, func() error { return errors.Join(d.clear(), d.unlock()) })
	return d, err
}

func (d sweepDir) open() error {
	if err := os.MkdirAll(d.path, 0o755); err != nil {
		return err
	}
	locked, err := d.tryLock()
	if err == nil && !locked {
		err = fmt.Errorf("another sweep is using %s: wait for its end, or name another directory", d.path)
	}
	if err == nil {
		err = d.clear()
	}
	if err != nil {
		return errors.Join(err, d.unlock())
	}
	return nil
}

func (d sweepDir) tryLock() (bool, error) {
	if d.part.Of == 0 {
		return d.whole.TryLock()
	}
	if shared, err := d.whole.TryRLock(); err != nil || !shared {
		return false, err
	}
	return d.own.TryLock()
}

func (d sweepDir) unlock() error { return errors.Join(d.own.Close(), d.whole.Close()) }

// clear removes the cells that are not finished, those of other parts excepted.
func (d sweepDir) clear() error {
	entries, err := os.ReadDir(d.path)
	for _, e := range entries {
		if e.IsDir() && strings.HasSuffix(e.Name(), d.part.suffix()+record.PartialSuffix) { // a file is overwritten by the next one
			err = errors.Join(err, removeCell(filepath.Join(d.path, e.Name())))
		}
	}
	return err
}

func (d sweepDir) cell(hash string) string { return filepath.Join(d.path, hash) }
func (d sweepDir) partial(hash string) string {
	return d.cell(hash) + d.part.suffix() + record.PartialSuffix
}

// mostCellFile is the most bytes of what made a cell.
const mostCellFile = 1 << 20

// finished reads what made a cell; an error that is errOtherMade says that it is
// not as it would be made now, one that is fs.ErrNotExist that there is none.
func (d sweepDir) finished(hash string, made cellFile) (cellFile, error) {
	dir := d.cell(hash)
	if _, err := os.Stat(dir); err != nil {
		return cellFile{}, err
	}
	data, err := record.ReadFile(filepath.Join(dir, cellFileName), mostCellFile)
	var found cellFile
	if err == nil {
		err = json.Unmarshal(data, &found)
	}
	if err != nil { // not fs.ErrNotExist: the directory is there
		return found, Invalidf("--dir: expected a cell of a sweep in %s, found none (%v): remove it, or name another directory", dir, err)
	}
	if found.Executable != made.Executable || found.Servers != made.Servers {
		return found, errOtherMade
	}
	return found, nil
}

// begin makes the directory that a cell is played into.
func (d sweepDir) begin(hash string, made cellFile) (partial string, err error) {
	partial = d.partial(hash)
	if err := os.Mkdir(partial, 0o755); err != nil {
		return "", err
	}
	return partial, writeCellFile(partial, made)
}

// finish makes a cell that was played one that is finished.
func (d sweepDir) finish(hash string, made cellFile) error {
	if err := writeCellFile(d.partial(hash), made); err != nil {
		return err
	}
	return os.Rename(d.partial(hash), d.cell(hash))
}

// discard removes a finished cell. It is not finished any more as soon as its
// removal begins.
func (d sweepDir) discard(hash string) error {
	if err := os.Rename(d.cell(hash), d.partial(hash)); err != nil {
		return err
	}
	return removeCell(d.partial(hash))
}

// writeCellFile replaces the file in one step: when a finished cell has it, it
// is whole.
func writeCellFile(dir string, c cellFile) error {
	data, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return record.ReplaceFile(filepath.Join(dir, cellFileName), append(data, '\n'))
}

// removeCell removes the directory of a cell that is not finished. It is a cell
// if it has a cell's file, however much of it was written, or nothing at
// all: that file is written first and removed last.
func removeCell(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	own := len(entries) == 0
	for _, e := range entries {
		own = own || strings.TrimSuffix(e.Name(), record.PartialSuffix) == cellFileName
	}
	if !own {
		return fmt.Errorf("%s was not made by a sweep: move it elsewhere, or name another directory", dir)
	}
	return child.RemoveFolder(dir, cellFileName)
}

// EmptyCell removes what a Runner wrote into the directory of a cell, so that it can begin again.
func EmptyCell(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if e.Name() != cellFileName {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	return err
}

// ExecutableHash returns the SHA-256 of the program that is running.
var ExecutableHash = sync.OnceValues(func() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", err
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	_, err = io.Copy(sum, f)
	return hex.EncodeToString(sum.Sum(nil)), errors.Join(err, f.Close())
})
