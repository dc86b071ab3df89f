package child

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/gofrs/flock"
)

// LockFile is the name of the file that marks what is locked while somebody uses it:
// first to be made and last to be removed.
const LockFile = ".lock"

// folderName is that of a temporary folder, such as quotalab-redis-123456.
var folderName = regexp.MustCompile(`^quotalab-[a-z]+-[0-9]{6,}$`)

// Folder makes a temporary folder, named after what it is for.
func Folder(what string) (dir string, remove func() error, err error) {
	return FolderIn(os.TempDir(), what)
}

// FolderIn makes one in a folder of folders.
func FolderIn(parent, what string) (dir string, remove func() error, err error) {
	var lock *flock.Flock
	remove, err = Own(func() (err error) {
		dir, lock, err = makeFolder(parent, what)
		return err
	}, func() error { return removeLocked(dir, lock) })
	if err != nil {
		return "", nil, fmt.Errorf("temporary folder: %w", err)
	}
	return dir, remove, nil
}

// folderTries is how often another program's RemoveStale may come between the making of
// a folder and its lock.
const folderTries = 100

func makeFolder(parent, what string) (dir string, lock *flock.Flock, err error) {
	for range folderTries {
		if dir, err = os.MkdirTemp(parent, "quotalab-"+what+"-"); err != nil {
			return "", nil, err
		}
		if !folderName.MatchString(filepath.Base(dir)) { // too short by chance
			err = os.Remove(dir)
		} else if lock, err = lockIn(dir); lock != nil {
			return dir, lock, nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return "", nil, errors.Join(err, os.RemoveAll(dir))
}

// lockIn locks a folder, and returns nil if somebody else has the lock, or removed it.
func lockIn(dir string) (*flock.Flock, error) {
	lock := flock.New(filepath.Join(dir, LockFile))
	locked, err := lock.TryLock()
	if !locked || err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	there, err := os.Lstat(lock.Path())
	if err == nil {
		var mine os.FileInfo
		if mine, err = lock.Stat(); err == nil && os.SameFile(there, mine) {
			return lock, nil
		}
	}
	return nil, errors.Join(err, lock.Close())
}

// removeLocked removes a folder that is locked.
func removeLocked(dir string, lock *flock.Flock) error {
	return errors.Join(removeBut(dir, LockFile), lock.Close(), os.RemoveAll(dir))
}

// RemoveFolder removes a folder and all in it. The file named last goes last: as
// long as anything is left, so is that.
func RemoveFolder(dir, last string) error {
	if err := removeBut(dir, last); err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

func removeBut(dir, last string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if e.Name() != last {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// RemoveStale removes the folders of programs that were killed from a folder of
// temporary ones: those with a name of ours and a lock that nobody holds, or, where the
// program had no time for that, nothing. What cannot be removed, such as another
// user's, is none of this program's.
func RemoveStale(parent string) {
	folders, _ := filepath.Glob(filepath.Join(parent, "quotalab-*-*")) // fails for a wrong pattern
	for _, dir := range folders {
		info, err := os.Lstat(dir)
		if err != nil || !info.IsDir() || !folderName.MatchString(filepath.Base(dir)) {
			continue
		}
		mark, err := os.Lstat(filepath.Join(dir, LockFile))
		if errors.Is(err, fs.ErrNotExist) {
			_ = os.Remove(dir) // fails unless it is empty
		}
		if err != nil || !mark.Mode().IsRegular() {
			continue
		}
		if lock, _ := lockIn(dir); lock != nil {
			_ = removeLocked(dir, lock)
		}
	}
}

// socketList is the file that names the sockets of a folder before they are there.
const socketList = ".sockets"

// Sockets lists the paths of Unix sockets in a folder, which is made if it is not
// there, for this program alone: one for each name. Those that a program left there
// which was killed are removed first. At the end all are removed, and the folder too
// if it was made and nothing else is in it.
func Sockets(dir string, names []string) (paths []string, remove func() error, err error) {
	for _, name := range names {
		paths = append(paths, filepath.Join(dir, name+".sock"))
	}
	s := &sockets{dir: dir, names: names}
	remove, err = Own(s.make, s.remove)
	return paths, remove, err
}

type sockets struct {
	dir   string
	names []string
	lock  *flock.Flock
	made  bool // the folder was not there
}

func (s *sockets) make() (err error) {
	_, missing := os.Stat(s.dir)
	s.made = errors.Is(missing, fs.ErrNotExist)
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	if s.lock, err = lockIn(s.dir); err != nil || s.lock == nil {
		return errors.Join(err, fmt.Errorf("%s is in use by another program: wait for its end, or name another directory", s.dir))
	}
	list := filepath.Join(s.dir, socketList)
	left, err := os.ReadFile(list)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err == nil {
		err = removeSockets(s.dir, strings.Split(string(left), "\n"))
	}
	if err == nil {
		err = os.WriteFile(list, []byte(strings.Join(s.names, "\n")), 0o600)
	}
	if err != nil {
		return errors.Join(err, s.lock.Close())
	}
	return nil
}

func (s *sockets) remove() error {
	err := errors.Join(removeSockets(s.dir, s.names), os.Remove(filepath.Join(s.dir, socketList)), s.lock.Close(), os.Remove(s.lock.Path()))
	if s.made {
		_ = os.Remove(s.dir) // fails if there is more in it
	}
	return err
}

// removeSockets removes what is a socket and nothing else.
func removeSockets(dir string, names []string) (err error) {
	for _, name := range names {
		path := filepath.Join(dir, filepath.Base(name)+".sock")
		if info, e := os.Lstat(path); e == nil && info.Mode().Type() == fs.ModeSocket {
			err = errors.Join(err, os.Remove(path))
		}
	}
	return err
}

// Mark is what a process has to have in its environment to be known to the guard
// of a folder, beside others. What it starts inherits that.
func Mark(dir string) string { return "QUOTALAB_FOLDER=" + dir + "/" }
