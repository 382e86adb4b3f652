//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package tree

import (
	"errors"
	"os"
	"syscall"
)

// flock takes an exclusive advisory lock on f without waiting, and returns
// ErrLocked if another open file holds it. On a file system without locks it
// does nothing.
func flock(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EWOULDBLOCK:
			return ErrLocked
		case errors.Is(err, errors.ErrUnsupported):
			return nil
		}
		return os.NewSyscallError("flock", err)
	}
}

// writable returns an error if this process may not create files in dir.
func writable(dir string) error {
	const write, search = 2, 1
	return os.NewSyscallError("access", syscall.Access(dir, write|search))
}

// syncDir forces the entries of an open directory to disk.
func syncDir(f *os.File) error { return f.Sync() }
