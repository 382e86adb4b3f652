package livetest

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// What Kubernetes calls the way in which the streams of a command share one
// connection: each message begins with the number of its stream.
const (
	protocol  = "v5.channel.k8s.io"
	toCommand = 0
	output    = 1
	status    = 3
	ended     = 255
)

// Frames of a WebSocket (RFC 6455).
const (
	binaryFrame = 0x82
	closeFrame  = 0x88
	pingFrame   = 0x89
	wholeFrame  = 0x80
	opcode      = 0x0f
	maskBit     = 0x80
	lengthBits  = 0x7f
	normalEnd   = 1000
)

// exec runs a command, if the pod is there, and speaks of it by WebSocket. A pod
// may say under spec.container what its only container is.
func (s *Server) exec(w http.ResponseWriter, r *http.Request, q Request, run Run) {
	s.mu.Lock()
	pod := s.objects["/api/v1/namespaces/"+q.Namespace+"/pods"][q.Name]
	s.mu.Unlock()
	values := r.URL.Query()
	switch {
	case pod == nil || run == nil:
		refuse(w, http.StatusNotFound, "NotFound")
		return
	case r.Method != http.MethodGet || r.Header.Get("Upgrade") != "websocket":
		refuse(w, http.StatusBadRequest, "BadRequest")
		return
	}
	c := Command{Namespace: q.Namespace, Pod: q.Name, Container: values.Get("container"), Args: values["command"]}
	if spec, ok := pod.(map[string]any)["spec"].(map[string]any); ok && c.Container != "" && c.Container != spec["container"] {
		refuse(w, http.StatusBadRequest, "BadRequest")
		return
	}
	conn, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer conn.Close() //nolint:errcheck // the client sees it
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	_, _ = fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: %s\r\n\r\n",
		base64.StdEncoding.EncodeToString(sum[:]), protocol)
	if values.Get("stdin") == "true" {
		if c.Input, err = readInput(buffered.Reader); err != nil {
			return
		}
	}
	text, code := run(c)
	_, _ = conn.Write(frame(binaryFrame, append([]byte{output}, text...)))
	if code != HangUp {
		_, _ = conn.Write(frame(binaryFrame, append([]byte{status}, statusOf(code)...)))
	}
	_, _ = conn.Write(frame(closeFrame, binary.BigEndian.AppendUint16(nil, normalEnd)))
	_, _ = io.Copy(io.Discard, buffered) // until the client has closed it too
}

// HangUp is the code of a command whose connection ends before it does.
const HangUp = -1

// statusOf is how a command's end is told.
func statusOf(code int) []byte {
	s := map[string]any{"kind": "Status", "apiVersion": "v1", "metadata": map[string]any{}, "status": "Success"}
	if code != 0 {
		s["status"], s["reason"] = "Failure", "NonZeroExitCode"
		s["details"] = map[string]any{"causes": []any{map[string]any{"reason": "ExitCode", "message": strconv.Itoa(code)}}}
	}
	text, _ := json.Marshal(s)
	return text
}

func frame(kind byte, payload []byte) []byte {
	head := []byte{kind, byte(len(payload))}
	switch {
	case len(payload) > 0xffff:
		head = binary.BigEndian.AppendUint64([]byte{kind, 127}, uint64(len(payload)))
	case len(payload) > 125:
		head = binary.BigEndian.AppendUint16([]byte{kind, 126}, uint16(len(payload)))
	}
	return append(head, payload...)
}

// readInput reads what a client sends to a command.
func readInput(r *bufio.Reader) (string, error) {
	var input []byte
	for {
		kind, payload, err := readFrame(r)
		switch {
		case err != nil:
			return "", err
		case kind == pingFrame&opcode || len(payload) == 0:
		case kind == closeFrame&opcode:
			return "", errors.New("closed")
		case payload[0] == ended:
			return string(input), nil
		case payload[0] == toCommand:
			input = append(input, payload[1:]...)
		}
	}
}

// readFrame reads a short frame of a client, which masks it.
func readFrame(r *bufio.Reader) (kind byte, payload []byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	length := int(head[1] & lengthBits)
	if head[0]&wholeFrame == 0 || head[1]&maskBit == 0 || length > 125 {
		return 0, nil, errors.New("no frame that this server reads")
	}
	var mask [4]byte
	if _, err := io.ReadFull(r, mask[:]); err != nil {
		return 0, nil, err
	}
	payload = make([]byte, length)
	if _, err := io.ReadFull(r, payload); err != nil {
		return 0, nil, err
	}
	for i := range payload {
		payload[i] ^= mask[i%len(mask)]
	}
	return head[0] & opcode, payload, nil
}
