package stage

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/ringplan/ringplan/pkg/manifest"
)

// Where a rollout is kept, relative to the topology's folder.
const (
	RolloutFile = "rollout.yaml"
	EvidenceDir = "evidence"
)

const apiVersion = "ringplan.dev/v1alpha1"

// limits bounds the files of a rollout; ringplan writes far smaller ones.
var limits = manifest.Limits{Depth: 50, Values: 1_000_000, Merged: 1}

type rolloutDocument struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Step    int        `json:"step"`
	Head    string     `json:"head"`
	Regions []Progress `json:"regions"`
}

type recordDocument struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Record
}

// The kinds of the files of a rollout.
const (
	rolloutKind = "Rollout"
	recordKind  = "Evidence"
)

// Encode returns the file of the rollout.
func (r Rollout) Encode() ([]byte, error) {
	doc := rolloutDocument{APIVersion: apiVersion, Kind: rolloutKind, Step: r.Step, Head: r.Head, Regions: r.Regions}
	doc.Metadata.Name = r.Topology
	if doc.Regions == nil {
		doc.Regions = []Progress{}
	}
	return encode(doc, "Where each region stands. Only `ringplan advance`, `adopt` and `abort` write this\nfile: it is what the records in "+EvidenceDir+"/ add up to, and `ringplan verify` proves it.")
}

// Encode returns the file of the record.
func (r Record) Encode() ([]byte, error) {
	return encode(recordDocument{apiVersion, recordKind, r},
		fmt.Sprintf("Step %d: what was seen when region %s went from %s to %s. Never edited: the next\nstep holds this one's digest.", r.Step, r.Region, r.From, r.To))
}

func encode(doc any, header string) ([]byte, error) {
	data, err := json.Marshal(doc)
	if err != nil {
		return nil, err
	}
	m, err := manifest.FromJSON(data)
	if err != nil {
		return nil, err
	}
	files, err := manifest.Encode([]manifest.File{{Header: header, Docs: []*manifest.Map{m}}})
	if err != nil {
		return nil, err
	}
	return files[0], nil
}

// DecodeRollout reads what [Rollout.Encode] wrote, however it is formatted by
// now. A field that it does not know is a problem, and so is one that is
// missing.
func DecodeRollout(data []byte) (Rollout, []manifest.Problem) {
	var doc rolloutDocument
	if problems := decode(data, &doc, rolloutKind); problems != nil {
		return Rollout{}, problems
	}
	return Rollout{Topology: doc.Metadata.Name, Step: doc.Step, Head: doc.Head, Regions: doc.Regions}, nil
}

// DecodeRecord reads what [Record.Encode] wrote, like [DecodeRollout].
func DecodeRecord(data []byte) (Record, []manifest.Problem) {
	var doc recordDocument
	if problems := decode(data, &doc, recordKind); problems != nil {
		return Record{}, problems
	}
	return doc.Record, nil
}

// decode reads YAML into a document of a kind, strictly.
func decode(data []byte, into any, kind string) []manifest.Problem {
	if bytes.Contains(data, []byte("\n<<<<<<< ")) || bytes.HasPrefix(data, []byte("<<<<<<< ")) {
		return oneProblem("the file holds the marks of a Git merge that was not resolved: keep the file of one branch, and take the other's step again")
	}
	text, problems := manifest.ToJSON(data, limits)
	if len(problems) > 0 {
		return problems
	}
	var head struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	if err := json.Unmarshal(text, &head); err != nil || head.APIVersion != apiVersion || head.Kind != kind {
		return oneProblem("the file is no %s of %s", kind, apiVersion)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return oneProblem("the file is not as it was written: %v", plainError(err))
	}
	if !sameAs(into, text) {
		return oneProblem("the file is not as it was written: a field is missing, or spelt in another way")
	}
	return nil
}

// sameAs reports whether a document that was decoded from JSON says all of it
// and nothing else: encoding/json does not mind case, or what is missing.
func sameAs(doc any, text []byte) bool {
	written, err := json.Marshal(doc)
	if err != nil {
		return false
	}
	var have, want any
	return json.Unmarshal(text, &have) == nil && json.Unmarshal(written, &want) == nil && reflect.DeepEqual(have, want)
}

// plainError leaves the names of Go's types out of what encoding/json says.
func plainError(err error) error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return fmt.Errorf("%s is %s", wrong.Field, wrong.Value)
	}
	return errors.New(strings.TrimPrefix(err.Error(), "json: "))
}

func oneProblem(format string, args ...any) []manifest.Problem {
	return []manifest.Problem{{Line: 1, Column: 1, Message: fmt.Sprintf(format, args...)}}
}

// Equal reports whether two rollouts say the same, in the same order.
func (r Rollout) Equal(other Rollout) bool {
	a, errA := r.Encode()
	b, errB := other.Encode()
	return errA == nil && errB == nil && slices.Equal(a, b)
}
