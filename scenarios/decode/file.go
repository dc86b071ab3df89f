package decode

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// Open opens a file or a pipe. It waits for no writer of a pipe that has
// none, and refuses devices, which have no end.
func Open(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case info.IsDir():
		err = fmt.Errorf("%s: expected a file, found a directory", path)
	case info.Mode()&(fs.ModeDevice|fs.ModeSocket) != 0:
		err = fmt.Errorf("%s: expected a file, found a device or socket", path)
	case info.Mode().IsRegular() && f.SetReadDeadline(time.Time{}) == nil: // one of /proc that waits for more, such as kmsg
		err = fmt.Errorf("%s: expected a file, found one of the system that has no end", path)
	default:
		return f, nil
	}
	_ = f.Close() // nothing was written
	return nil, err
}

// ReadFile returns what is in a file that Open opens, and one byte more than
// most at the most, so that whoever wants no more can tell.
func ReadFile(path string, most int64) ([]byte, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size := int64(0)
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		size = min(info.Size(), most+1)
	}
	data := bytes.NewBuffer(make([]byte, 0, size+bytes.MinRead))
	_, err = data.ReadFrom(io.LimitReader(f, most+1))
	return data.Bytes(), err
}
