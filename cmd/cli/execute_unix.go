//go:build unix

package cli

import "syscall"

// execute makes another program take the place of this one.
func execute(program string, args, env []string) error { return syscall.Exec(program, args, env) }
