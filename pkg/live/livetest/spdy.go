package livetest

import (
	"io"
	"net/http"
	"strings"

	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"
)

// SPDY runs commands for those who connect by SPDY, as old clients do and API
// servers that ask a kubelet. The path of a kubelet names namespace, pod and
// container; that of an API server is not read.
func SPDY(run Run) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if _, err := httpstream.Handshake(r, w, []string{"v4.channel.k8s.io"}); err != nil {
			return
		}
		values := r.URL.Query()
		c := Command{Args: values["command"], Container: values.Get("container")}
		if parts := strings.Split(r.URL.Path, "/"); len(parts) == 5 && parts[1] == "exec" {
			c.Namespace, c.Pod, c.Container = parts[2], parts[3], parts[4]
		}
		names := []string{"error", "stdout"}
		if in := values.Get("stdin") + values.Get("input"); in == "true" || in == "1" {
			names = append(names, "stdin")
		}
		streams := make(chan httpstream.Stream, len(names))
		conn := spdy.NewResponseUpgrader().UpgradeResponse(w, r, func(s httpstream.Stream, _ <-chan struct{}) error {
			streams <- s
			return nil
		})
		if conn == nil {
			return
		}
		defer conn.Close() //nolint:errcheck // the client sees it
		byType := map[string]httpstream.Stream{}
		for range names {
			s := <-streams
			byType[s.Headers().Get("streamType")] = s
		}
		if in := byType["stdin"]; in != nil {
			text, _ := io.ReadAll(in)
			c.Input = string(text)
		}
		text, code := run(c)
		_, _ = byType["stdout"].Write([]byte(text))
		_, _ = byType["error"].Write(statusOf(code))
		_ = byType["stdout"].Close()
		_ = byType["error"].Close()
		<-conn.CloseChan()
	}
}
