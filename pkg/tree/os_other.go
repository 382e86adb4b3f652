//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd)

package tree

import "os"

// flock does nothing: there is no advisory lock here that ends with its
// process.
func flock(*os.File) error { return nil }

// writable cannot tell beforehand, and leaves it to the first write.
func writable(string) error { return nil }

// syncDir does nothing: directories cannot be synced here.
func syncDir(*os.File) error { return nil }
