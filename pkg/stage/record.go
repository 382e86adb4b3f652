package stage

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/ringplan/ringplan/pkg/observe"
)

// An Action is what a step of a rollout does.
type Action string

// The actions.
const (
	Start   Action = "start"   // a procedure, by decision
	Advance Action = "advance" // through a gate
	Adopt   Action = "adopt"   // a region that serves already
	Abort   Action = "abort"
)

// A Record is one step of a rollout, with the evidence that allowed it. It
// names the record before it by its digest, whichever region that was for:
// the records of a ring are one chain.
type Record struct {
	Step     int       `json:"step"`
	Previous string    `json:"previous,omitempty"`
	Time     time.Time `json:"time"`
	// Topology is the digest of the topology that the step was judged by.
	Topology  string `json:"topology"`
	Region    string `json:"region"`
	Action    Action `json:"action"`
	Procedure string `json:"procedure"`
	From      Phase  `json:"from"`
	To        Phase  `json:"to"`
	Gate      string `json:"gate,omitempty"`
	// Source, SeedHost and SeedFrom are the region that this one is built
	// from, the address by which it joins, and what told that address.
	Source   string            `json:"source,omitempty"`
	SeedHost string            `json:"seedHost,omitempty"`
	SeedFrom string            `json:"seedFrom,omitempty"`
	Facts    map[string]string `json:"facts,omitempty"`
	// MaxSkew is by how much two clocks were allowed to differ.
	MaxSkew Duration `json:"maxSkew,omitzero"`
	// Expected is what the checks compared the observations with; the system
	// knows its form.
	Expected     any         `json:"expected,omitempty"`
	Results      []Result    `json:"results,omitempty"`
	Observations observe.Set `json:"observations,omitempty"`
}

// Digest returns the SHA-256, in hex, of what the record says. It does not
// depend on how its file is written.
func (r Record) Digest() string {
	data, err := json.Marshal(r)
	if err != nil {
		panic(fmt.Sprintf("stage: a record that is not JSON: %v", err)) // Expected comes from JSON
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Path returns where the record is kept, relative to the topology's folder.
func (r Record) Path() string {
	name := r.Gate
	if name == "" || r.Action != Advance {
		name = string(r.Action)
		if r.Action == Start || r.Action == Abort {
			name += "-" + r.Procedure
		}
	}
	return fmt.Sprintf("%s/%s/%02d-%s.yaml", EvidenceDir, r.Region, r.Step, name)
}

// Fresh is how old observations may be that start a procedure or adopt a
// region: there is no phase yet that they could be older than.
const Fresh = time.Hour

// Since returns the time before which an observation says nothing about the
// step, for a region at that progress.
func (r Record) Since(p Progress) time.Time {
	if r.Action == Start || r.Action == Adopt {
		return r.Time.Add(-Fresh)
	}
	return p.Since
}

// Skew is by how much two clocks may differ unless somebody says otherwise.
const Skew = 2 * time.Minute

// MaxSkew is the most that two clocks may be allowed to differ: with more, a
// rebuild of yesterday could pass for one of today.
const MaxSkew = 10 * time.Minute

// A Duration is written as 2m0s.
type Duration time.Duration

// MarshalText implements [encoding.TextMarshaler].
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = Duration(parsed)
	return err
}
