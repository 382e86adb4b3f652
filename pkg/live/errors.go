package live

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// ErrNoKind is what [errors.Is] finds where a cluster does not know a kind.
var ErrNoKind = errors.New("the cluster does not know the kind")

// ErrSetup is what [errors.Is] finds where the kubeconfig does not say how a cluster
// is reached, or has no credentials that the cluster accepts: nothing was learned of
// it, and asking again is of no use.
var ErrSetup = errors.New("the kubeconfig does not say how the cluster is reached")

// An Error says what could not be read, where, why, and what to do.
type Error struct {
	text string
	// whole is whether everything else in the cluster fails too.
	whole bool
	// is tells apart what callers may ask for: the end of a context, ErrNoKind
	// or ErrSetup.
	is error
}

func (e *Error) Error() string { return e.text }

// Unwrap returns what [errors.Is] may find.
func (e *Error) Unwrap() error { return e.is }

func isNoKind(err error) bool { return errors.Is(err, ErrNoKind) }

func isOfCluster(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.whole
}

// An access is what a request wants of a cluster.
type access struct {
	// verb and resource are as RBAC names them, resource with its group.
	verb, resource, namespace string
	// object names a single object.
	object string
}

func (a access) String() string {
	text := a.verb + " " + a.resource
	if a.object != "" {
		text += " " + a.object
	}
	if a.namespace != "" {
		text += " in namespace " + a.namespace
	}
	return text
}

// fail makes an error of one that a client has returned. Of that it repeats
// only what is known to hold nothing of an answer or a credential.
func (c *cluster) fail(err error, a access) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return tooLate(c.place, err)
	}
	var status apierrors.APIStatus
	switch {
	case apierrors.IsForbidden(err):
		return &Error{text: fmt.Sprintf("%s: forbidden to %s: let the user of the context %s %s there; `kubectl --context %s auth can-i %s %s%s` tells whether it may",
			c.place, a, a.verb, a.resource, c.context, a.verb, a.resource, inNamespace(a.namespace))}
	case apierrors.IsUnauthorized(err):
		return &Error{whole: true, is: ErrSetup, text: fmt.Sprintf("%s: the cluster does not accept the credentials of the context: log in again, or see that they have not expired", c.place)}
	case errors.As(err, &status):
		return &Error{text: fmt.Sprintf("%s: cannot %s: the server answered with code %d: try again, and look at the health of its API server if it stays so", c.place, a, status.Status().Code)}
	case strings.Contains(err.Error(), "getting credentials"):
		return &Error{whole: true, is: ErrSetup, text: fmt.Sprintf("%s: the plugin that gets the credentials of the context has failed: `kubectl --context %s version` says why", c.place, c.context)}
	}
	if why := unreachable(err); why != "" {
		return &Error{whole: true, text: fmt.Sprintf("%s: the cluster cannot be reached: %s: see that the address in the kubeconfig is right, and that the network or VPN is up", c.place, why)}
	}
	return &Error{text: fmt.Sprintf("%s: cannot %s: the answer is none of a Kubernetes API server: see that the address in the kubeconfig is right", c.place, a)}
}

func inNamespace(namespace string) string {
	if namespace == "" {
		return ""
	}
	return " -n " + namespace
}

// tooLate is the error of a cluster that has not answered in time, or that
// nobody waits for any more.
func tooLate(p place, err error) error {
	return &Error{whole: true, is: err, text: fmt.Sprintf("%s: the cluster has not answered in time: see that it can be reached, or allow it more time", p)}
}

// unreachable says why a server was not reached; "" if that is not so. The
// texts hold addresses and names of certificates only.
func unreachable(err error) string {
	var (
		op          *net.OpError
		dns         *net.DNSError
		certificate *tls.CertificateVerificationError
		record      tls.RecordHeaderError
		address     *url.Error
	)
	switch {
	case errors.As(err, &dns):
		return dns.Error()
	case errors.As(err, &op):
		return op.Error()
	case errors.As(err, &certificate):
		return certificate.Err.Error()
	case errors.As(err, &record):
		return "the server does not speak TLS"
	case errors.Is(err, http.ErrSchemeMismatch):
		return http.ErrSchemeMismatch.Error()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed before the answer"
	case errors.As(err, &address):
		return "the request could not be sent"
	}
	return ""
}
