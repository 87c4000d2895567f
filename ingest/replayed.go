package ingest

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kadm"
)

// HeaderReplayed is on a record that was replayed from the dead letters: where it was first, as
// topic id/partition/offset/index of its first call. A call without ids takes its identity from there, so that a letter
// replayed twice is stored once.
const HeaderReplayed = "tollkeeper.replayed"

func (o origin) String() string {
	return fmt.Sprintf("%s/%d/%d/%d", uuid.UUID(o.id), o.partition, o.offset, o.index)
}

func parseOrigin(text string) (o origin, ok bool) {
	parts := strings.Split(text, "/")
	if len(parts) != 4 {
		return o, false
	}
	id, err := uuid.Parse(parts[0])
	if err != nil {
		return o, false
	}
	o.id = kadm.TopicID(id)
	for i, into := range []*int{&o.partition, nil, &o.index} {
		n, err := strconv.ParseInt(parts[i+1], 10, 64)
		if err != nil || n < 0 {
			return o, false
		}
		if into == nil {
			o.offset = n
		} else {
			*into = int(n)
		}
	}
	return o, true
}

// originOf is where a record was first: at, or what its header says.
func originOf(r *record, at origin) origin {
	for _, h := range r.headers {
		if h.Key == HeaderReplayed {
			if o, ok := parseOrigin(string(h.Value)); ok {
				return o
			}
		}
	}
	return at
}
