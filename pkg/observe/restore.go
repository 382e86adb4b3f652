package observe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"time"
)

// UnmarshalJSON reads what json.Marshal has written of an observation, and
// nothing else: no unknown field, none twice, no other spelling of a value,
// no body but that of its kind.
func (o *Observation) UnmarshalJSON(data []byte) error {
	type fields Observation // without this method
	given, end, err := decode(data, 0)
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(data[end:])) > 0 {
		return errSyntax
	}
	given.duplicates("", func(path string, _ *value) {
		err = errors.Join(err, fmt.Errorf("%s comes twice", path))
	})
	if err != nil {
		return err
	}
	var p fields
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&p); err != nil {
		return err
	}
	restored := Observation(p)
	if err := restored.validate(); err != nil {
		return err
	}
	written, err := json.Marshal(restored)
	if err != nil {
		return err
	}
	if canonical, _, err := decode(written, 0); err != nil || !canonical.equal(given) {
		return errors.New("the observation is not as it was recorded: a value is written in another way")
	}
	*o = restored
	return nil
}

var hex64 = regexp.MustCompile(`^[0-9a-f]{64}$`)

// validate reports what no parser would have made.
func (o *Observation) validate() error {
	switch {
	case !hex64.MatchString(o.Digest) || !hex64.MatchString(o.Input):
		return errors.New("digest and input must be SHA-256 digests in hex")
	case o.List != "" && !hex64.MatchString(o.List):
		return errors.New("list must be a SHA-256 digest in hex")
	case o.Line < 1:
		return errors.New("line must be 1 or more")
	}
	if err := plain(reflect.ValueOf(*o)); err != nil {
		return err
	}
	if got := o.bodies(); !slices.Equal(got, []Kind{o.Kind}) {
		return fmt.Errorf("kind is %q, but the fields are of kind %q", o.Kind, got)
	}
	switch {
	case o.Status != nil:
		return o.Status.validate()
	case o.Rebuild != nil:
		return o.Rebuild.validate()
	case o.NetStats == nil && o.Cluster == nil && (!isName(o.Name) || o.Namespace != "" && !isName(o.Namespace)):
		return fmt.Errorf("%s has no name, or one that Kubernetes does not accept", o.Kind)
	}
	return nil
}

// plain reports times and addresses in a form that no parser gives them.
func plain(v reflect.Value) error {
	switch x := v.Interface().(type) {
	case time.Time:
		if !x.IsZero() && !plausible(x) || x.Location() != time.UTC {
			return errors.New("a time is not in UTC, or not one that a cluster has seen")
		}
		return nil
	case netip.Addr:
		if x.Is4In6() {
			return errors.New("an IPv4 address is written as one of IPv6")
		}
		return nil
	}
	var err error
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			err = plain(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			err = errors.Join(err, plain(v.Index(i)))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				err = errors.Join(err, plain(v.Field(i)))
			}
		}
	default:
	}
	return err
}

// bodies returns the kinds whose fields are there.
func (o *Observation) bodies() []Kind {
	var kinds []Kind
	for _, b := range []struct {
		kind  Kind
		there bool
	}{
		{KindDatastore, o.Datastore != nil},
		{KindReplication, o.Replication != nil},
		{KindOrganization, o.Organization != nil},
		{KindPod, o.Pod != nil},
		{KindNode, o.Node != nil},
		{KindClaim, o.Claim != nil},
		{KindStatus, o.Status != nil},
		{KindNetStats, o.NetStats != nil},
		{KindCluster, o.Cluster != nil},
		{KindRebuild, o.Rebuild != nil},
	} {
		if b.there {
			kinds = append(kinds, b.kind)
		}
	}
	return kinds
}

// validate reports what no log has.
func (l *RebuildLog) validate() error {
	if len(l.Events) == 0 {
		return errors.New("a log of a rebuild has no events")
	}
	for _, e := range l.Events {
		if !slices.Contains([]Event{EventStarted, EventStreaming, EventSession, EventCompleted, EventFailed}, e.Event) {
			return fmt.Errorf("a log of a rebuild has no event %q", e.Event)
		}
	}
	return nil
}

// validate reports what no listing has.
func (s *Status) validate() error {
	for _, dc := range s.Datacenters {
		if dc.Name == "" || len(dc.Nodes) == 0 {
			return errors.New("a datacenter has no name or no nodes")
		}
		for _, n := range dc.Nodes {
			if !isStatus(n.Status + n.State) {
				return fmt.Errorf("a node of %s is %q, which nodetool does not say", dc.Name, n.Status+n.State)
			}
			if n.Address.IsValid() == (n.Host != "") {
				return fmt.Errorf("a node of %s has neither or both of address and host", dc.Name)
			}
		}
	}
	if len(s.Datacenters) == 0 {
		return errors.New("a listing has no datacenters")
	}
	return nil
}
