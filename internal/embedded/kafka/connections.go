package kafka

import (
	"encoding/binary"
	"net"
	"sync"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// watched is a listener whose connections tell members who speaks on them, and when they end.
type watched struct {
	net.Listener
	members *members
}

// Accept implements net.Listener.
func (w watched) Accept() (net.Conn, error) {
	c, err := w.Listener.Accept()
	if err != nil {
		return nil, err
	}
	address := c.RemoteAddr().String()
	w.members.begun(address)
	return &connection{Conn: c, members: w.members, address: address}, nil
}

// connection is a client's. kfake tells nobody on which of them a member speaks, so its requests are read along.
type connection struct {
	net.Conn
	members *members
	address string
	end     sync.Once

	frame []byte // what is there of a request: its length, then as much of it as is wanted
	skip  int    // bytes that nobody wants, up to the next request
}

// Read implements net.Conn.
func (c *connection) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.note(p[:n])
	return n, err
}

// Close implements net.Conn.
func (c *connection) Close() error {
	c.end.Do(func() { c.members.ended(c.address) }) // kfake closes twice, and the address may be another's by then
	return c.Conn.Close()
}

const (
	lengthOfFrame = 4
	lengthOfKey   = 2
	largestHeard  = 1 << 20 // a longer request of a member isn't one
)

// note takes in bytes of requests as they come, in whatever pieces.
func (c *connection) note(p []byte) {
	for len(p) > 0 {
		if c.skip > 0 {
			n := min(c.skip, len(p))
			c.skip, p = c.skip-n, p[n:]
			continue
		}
		want := lengthOfFrame + lengthOfKey
		if len(c.frame) >= want {
			want = lengthOfFrame + int(binary.BigEndian.Uint32(c.frame))
		}
		n := min(want-len(c.frame), len(p))
		c.frame, p = append(c.frame, p[:n]...), p[n:]
		if len(c.frame) < lengthOfFrame+lengthOfKey {
			continue
		}
		length := int(binary.BigEndian.Uint32(c.frame))
		switch kmsg.Key(binary.BigEndian.Uint16(c.frame[lengthOfFrame:])) {
		case kmsg.JoinGroup, kmsg.SyncGroup, kmsg.Heartbeat, kmsg.OffsetCommit:
			if length > largestHeard {
				c.skip = length - len(c.frame) + lengthOfFrame
				c.frame = c.frame[:0]
			} else if len(c.frame) >= lengthOfFrame+length {
				c.request(c.frame[lengthOfFrame:])
				c.frame = c.frame[:0]
			}
		default:
			c.skip = max(0, length-len(c.frame)+lengthOfFrame)
			c.frame = c.frame[:0]
		}
	}
}

// request reads one, with its header, https://kafka.apache.org/protocol#protocol_messages.
func (c *connection) request(body []byte) {
	in := kbin.Reader{Src: body}
	r := kmsg.RequestForKey(in.Int16())
	r.SetVersion(in.Int16())
	_ = in.Int32() // correlation id
	client := in.NullableString()
	if r.IsFlexible() {
		kmsg.SkipTags(&in)
	}
	if !in.Ok() || r.ReadFrom(in.Src) != nil {
		return // kfake ends the connection
	}
	if client == nil || *client != ownClientID {
		c.members.heard(r, c.address)
	}
}
