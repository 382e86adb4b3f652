package live

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/util/exec"
	"k8s.io/klog/v2"
	"k8s.io/streaming/pkg/httpstream"
)

// A Command is run in the first of some pods that can run it.
type Command struct {
	// Name is what the output is called in the answer, and in errors.
	Name      string
	Namespace string
	// Pods are tried one after the other, and in each the containers; an empty
	// one is the only container of a pod.
	Pods, Containers []string
	Args             []string
	// Input is what the command reads; nothing is said of it anywhere.
	Input []byte
	// End is the last line of a whole output, which is left out of it. An output
	// without it is none: a connection that ends early looks as if the command had
	// printed less.
	End string
}

// maxOutput bounds the output of a command, in bytes.
const maxOutput = 16 << 20

// What may be wrong with what a command printed.
var (
	errCutOff = errors.New("its output is cut off")
	errLong   = fmt.Errorf("its output is larger than %d MiB", maxOutput>>20)
)

// run runs a command, and keeps what it prints.
func (c *cluster) run(ctx context.Context, command Command, a *Answer) error {
	var first error
	for _, pod := range command.Pods {
		text, err := c.runIn(ctx, pod, command)
		switch {
		case err == nil:
			a.Outputs[command.Name] = text
			return nil
		case ctx.Err() != nil:
			return tooLate(c.place, ctx.Err())
		case !ofPod(err):
			return c.notRun(err, pod, command)
		case first == nil:
			first = c.notRun(err, pod, command)
		}
	}
	if first == nil {
		first = &Error{text: fmt.Sprintf("%s: there is no pod to run %s in", c.place, command.Name)}
	}
	return first
}

// ofPod reports whether another pod may do better: the command has failed, or
// the pod is not there or not running.
func ofPod(err error) bool {
	var exit exec.CodeExitError
	switch {
	case errors.As(err, &exit), errors.Is(err, errCutOff):
		return true
	}
	return apierrors.IsNotFound(err) || apierrors.IsBadRequest(err) || apierrors.IsInternalError(err) || apierrors.IsConflict(err)
}

// runIn runs a command in a pod: in the first of its containers that is there.
func (c *cluster) runIn(ctx context.Context, pod string, command Command) ([]byte, error) {
	var err error
	for _, container := range command.Containers {
		var text []byte
		if text, err = c.runOnce(ctx, pod, container, command); !apierrors.IsBadRequest(err) {
			return text, err
		}
	}
	return nil, err
}

func (c *cluster) runOnce(ctx context.Context, pod, container string, command Command) ([]byte, error) {
	request := c.raw.Post().AbsPath("/api/v1/namespaces", command.Namespace, "pods", pod, "exec").Param("stdout", "true")
	if container != "" {
		request.Param("container", container)
	}
	for _, arg := range command.Args {
		request.Param("command", arg)
	}
	out := &limited{}
	options := remotecommand.StreamOptions{Stdout: out}
	if len(command.Input) > 0 {
		request.Param("stdin", "true")
		options.Stdin = bytes.NewReader(command.Input)
	}
	// What is logged may hold what a server said.
	err := c.stream(klog.NewContext(ctx, klog.Logger{}), request.URL(), options)
	switch {
	case out.over:
		return nil, errLong
	case err != nil:
		return nil, err
	}
	whole, found := bytes.CutSuffix(bytes.TrimRight(out.text, "\r\n"), []byte(command.End))
	if !found {
		return nil, errCutOff
	}
	return whole, nil
}

// stream connects to a pod by WebSocket, and where that cannot be had, as behind
// some proxies and with older servers, by SPDY.
func (c *cluster) stream(ctx context.Context, address *url.URL, options remotecommand.StreamOptions) error {
	first, err := remotecommand.NewWebSocketExecutor(c.config, http.MethodGet, address.String())
	if err != nil {
		return err
	}
	err = first.StreamWithContext(ctx, options)
	if !httpstream.IsUpgradeFailure(err) && !httpstream.IsHTTPSProxyError(err) {
		return err
	}
	why := cause(err)
	if apierrors.IsNotFound(why) || apierrors.IsUnauthorized(why) {
		return why // it would be the same again
	}
	second, err := remotecommand.NewSPDYExecutor(c.config, http.MethodPost, address)
	if err != nil {
		return err
	}
	var exit exec.CodeExitError
	var status apierrors.APIStatus
	err = second.StreamWithContext(ctx, options)
	if err != nil && !errors.As(err, &exit) && errors.As(why, &status) {
		return why // which the second connection has forgotten
	}
	return err
}

// cause returns what a server said as it refused to stream, if it did.
func cause(err error) error {
	var refused *httpstream.UpgradeFailureError
	if errors.As(err, &refused) {
		return refused.Cause
	}
	return err
}

// notRun is the error of a command that has printed nothing to be used.
func (c *cluster) notRun(err error, pod string, command Command) error {
	where := fmt.Sprintf("%s: %s in pod %s/%s", c.place, command.Name, command.Namespace, pod)
	look := fmt.Sprintf("`kubectl --context %s -n %s get pod %s` tells how the pod is", c.context, command.Namespace, pod)
	var exit exec.CodeExitError
	switch {
	case errors.As(err, &exit):
		return &Error{text: fmt.Sprintf("%s ended with code %d: run it by hand to see why, or %s", where, exit.Code, look)}
	case errors.Is(err, errCutOff), errors.Is(err, errLong):
		return &Error{text: fmt.Sprintf("%s: %v: try again", where, err)}
	case apierrors.IsNotFound(err):
		return &Error{text: where + ": there is no such pod: " + look}
	case apierrors.IsBadRequest(err), apierrors.IsInternalError(err), apierrors.IsConflict(err):
		return &Error{text: where + ": the pod cannot run it: " + look}
	}
	return c.fail(err, access{verb: "create", resource: "pods/exec", namespace: command.Namespace, object: pod})
}

// limited takes no more than an output may hold. It is no [bytes.Buffer], which
// would read past that by itself.
type limited struct {
	text []byte
	over bool
}

func (l *limited) Write(p []byte) (int, error) {
	if len(l.text)+len(p) > maxOutput {
		l.over = true
		return 0, errLong
	}
	l.text = append(l.text, p...)
	return len(p), nil
}
