package live

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// A Release is what a cluster records of a Helm release.
type Release struct {
	// Newest is the newest revision, which may have failed or not be done.
	Newest Revision
	// Deployed is the newest revision that is deployed; nil if none is.
	Deployed *Deployed
}

// A Revision is one of a release, with the status that Helm gives it, such as
// deployed, failed or pending-upgrade.
type Revision struct {
	Number int
	Status string
}

// Deployed is what was deployed. Its values may be secret.
type Deployed struct {
	Revision
	Chart, Version string
	// Values are those that the user gave to Helm, as a JSON object.
	Values json.RawMessage
}

// What Helm calls the states of a release that matter here.
const (
	StatusDeployed    = "deployed"
	statusUninstalled = "uninstalled"
)

// maxRecord bounds a record that is unpacked, in bytes. A Secret holds at most
// 1 MiB, but a megabyte can become a thousand.
const maxRecord = 64 << 20

// Of Helm's storage package, which reads such Secrets too, nothing is used: it
// passes over records that it cannot read, and cannot be interrupted.

var secrets = resource{schema.GroupVersionResource{Version: "v1", Resource: "secrets"}, true}

// byNamespace groups releases by their namespace, in the order of the first of
// each.
func byNamespace(releases []ReleaseName) [][]ReleaseName {
	var groups [][]ReleaseName
	place := map[string]int{}
	for _, r := range releases {
		i, ok := place[r.Namespace]
		if !ok {
			i = len(groups)
			place[r.Namespace], groups = i, append(groups, nil)
		}
		groups[i] = append(groups[i], r)
	}
	return groups
}

// A secretOf is the Secret of a revision.
type secretOf struct {
	Revision
	name string
}

// readReleases reads releases of one namespace: of all records the labels, and
// of each release one record whole.
func (c *cluster) readReleases(ctx context.Context, names []ReleaseName, a *Answer) error {
	namespace := names[0].Namespace
	recorded, err := c.listRecords(ctx, namespace)
	if err != nil {
		return err
	}
	for _, name := range names {
		revisions := recorded[name.Name]
		slices.SortFunc(revisions, func(x, y secretOf) int { return cmp.Compare(y.Number, x.Number) })
		if len(revisions) == 0 || revisions[0].Status == statusUninstalled {
			a.Releases[name] = nil
			continue
		}
		release := &Release{Newest: revisions[0].Revision}
		if i := slices.IndexFunc(revisions, func(s secretOf) bool { return s.Status == StatusDeployed }); i >= 0 {
			release.Deployed, err = c.readRecord(ctx, name, revisions[i])
		}
		switch {
		case isOfCluster(err):
			return err
		case err != nil:
			a.Errs = append(a.Errs, err)
			err = nil
		default:
			a.Releases[name] = release
		}
	}
	return nil
}

// listRecords returns the revisions of each release in a namespace. The server
// sends the metadata of the Secrets alone.
func (c *cluster) listRecords(ctx context.Context, namespace string) (map[string][]secretOf, error) {
	recorded := map[string][]secretOf{}
	for opts := (metav1.ListOptions{LabelSelector: "owner=helm", Limit: pageSize}); ; {
		page, err := c.metadata.Resource(secrets.GroupVersionResource).Namespace(namespace).List(ctx, opts)
		if err != nil {
			return nil, c.fail(err, secrets.access("list", namespace, ""))
		}
		for i := range page.Items {
			labels := page.Items[i].Labels
			number, err := strconv.Atoi(labels["version"])
			if err != nil {
				continue // Helm would not count it either
			}
			name := labels["name"]
			recorded[name] = append(recorded[name], secretOf{Revision{number, labels["status"]}, page.Items[i].Name})
		}
		if opts.Continue = page.Continue; opts.Continue == "" {
			return recorded, nil
		}
	}
}

// readRecord reads one revision of a release.
func (c *cluster) readRecord(ctx context.Context, name ReleaseName, s secretOf) (*Deployed, error) {
	object, err := c.objects.Resource(secrets.GroupVersionResource).Namespace(name.Namespace).Get(ctx, s.name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, &Error{text: fmt.Sprintf("%s: the record of release %s/%s, Secret %s, has gone while it was read: try again", c.place, name.Namespace, name.Name, s.name)}
	}
	if err != nil {
		return nil, c.fail(err, secrets.access("get", name.Namespace, s.name))
	}
	data, _ := object.Object["data"].(map[string]any)
	text, _ := data["release"].(string)
	d, err := decode(text, name)
	if err != nil {
		return nil, &Error{text: fmt.Sprintf("%s: Secret %s/%s is no record of a Helm release that can be read: %v: `helm --kube-context %s -n %s status %s` tells whether Helm can",
			c.place, name.Namespace, s.name, err, c.context, name.Namespace, name.Name)}
	}
	d.Revision = s.Revision
	return d, nil
}

// What may be wrong with a record. What it holds is not shown.
var (
	errNoAnswer = errors.New("no answer of an API server")
	errNoText   = errors.New("it has no key release")
	errBase64   = errors.New("its text is no base64")
	errGzip     = errors.New("its text cannot be unpacked")
	errLarge    = fmt.Errorf("it unpacks to more than %d MiB", maxRecord>>20)
	errJSON     = errors.New("it holds no JSON of a release")
	errOther    = errors.New("it is of another release than its labels say")
	errNoChart  = errors.New("it does not name its chart")
)

// decode reads the field release of a Secret, which Kubernetes has encoded in
// base64 around what Helm writes: JSON, packed with gzip (in old records not)
// and encoded in base64 again.
func decode(text string, name ReleaseName) (*Deployed, error) {
	if text == "" {
		return nil, errNoText
	}
	data := []byte(text)
	for range 2 {
		plain := make([]byte, base64.StdEncoding.DecodedLen(len(data)))
		n, err := base64.StdEncoding.Decode(plain, data)
		if err != nil {
			return nil, errBase64
		}
		data = plain[:n]
	}
	data, err := unpacked(data)
	if err != nil {
		return nil, err
	}
	var record struct {
		Name  string `json:"name"`
		Chart struct {
			Metadata struct {
				Name    string `json:"name"`
				Version string `json:"version"`
			} `json:"metadata"`
		} `json:"chart"`
		Config    json.RawMessage `json:"config"`
		Namespace string          `json:"namespace"`
	}
	if err := json.Unmarshal(data, &record); err != nil {
		return nil, errJSON
	}
	switch chart := record.Chart.Metadata; {
	case record.Name != name.Name, record.Namespace != name.Namespace:
		return nil, errOther
	case chart.Name == "":
		return nil, errNoChart
	}
	values := bytes.TrimSpace(record.Config)
	switch {
	case len(values) == 0, string(values) == "null":
		values = []byte("{}")
	case values[0] != '{':
		return nil, errJSON
	}
	return &Deployed{Chart: record.Chart.Metadata.Name, Version: record.Chart.Metadata.Version, Values: values}, nil
}

func unpacked(data []byte) ([]byte, error) {
	if !bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		return data, nil
	}
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, errGzip
	}
	out, err := io.ReadAll(io.LimitReader(r, maxRecord+1))
	switch {
	case err != nil:
		return nil, errGzip
	case len(out) > maxRecord:
		return nil, errLarge
	}
	return out, nil
}
