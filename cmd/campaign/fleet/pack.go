package fleet

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// pack writes the files of a record to w, in the order of their names, and returns
// nothing of whose they are or when they were written.
func pack(w io.Writer, dir string) error {
	t := tar.NewWriter(w)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		return packFile(t, path, filepath.ToSlash(name))
	})
	return errors.Join(err, t.Close())
}

func packFile(t *tar.Writer, path, name string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil {
		err = t.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: info.Size(), Format: tar.FormatPAX})
	}
	if err == nil {
		_, err = io.Copy(t, f)
	}
	return err
}

// unpack writes the files of a packed record into dir, and never elsewhere: a
// worker packed them.
func unpack(r io.Reader, dir string) (err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	for t := tar.NewReader(r); ; {
		h, err := t.Next()
		switch {
		case errors.Is(err, io.EOF):
			_, err = io.Copy(io.Discard, r) // what follows the end is hashed too
			return err
		case err != nil:
			return err
		case h.Typeflag != tar.TypeReg:
			return fmt.Errorf("a packed record has %s, which is no file", h.Name)
		}
		if err := unpackFile(t, root, filepath.FromSlash(h.Name)); err != nil {
			return fmt.Errorf("unpacking a record: %w", err)
		}
	}
}

func unpackFile(r io.Reader, root *os.Root, name string) error {
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}

// packedSize returns about how many bytes pack writes.
func packedSize(dir string) (size int64, err error) {
	const header = 1024 // of a file, padding included
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			size += info.Size() + header
		}
		return err
	})
	return size, err
}
