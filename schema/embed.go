// Package schema holds the CUE definitions of a topology file. #Topology is
// the whole; each system adds a file of its own.
package schema

import "embed"

// FS holds the package's CUE files.
//
//go:embed *.cue
var FS embed.FS
