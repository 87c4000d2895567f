package clickhouse

import (
	"fmt"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2/lib/column"
	chproto "github.com/ClickHouse/clickhouse-go/v2/lib/proto"
)

// helloQuery is what clickhouse-go asks first. It reads the answer at its own protocol revision; the revision in the
// answer decides how it reads everything after. The engine writes Native at revision 0, so that is what it is told.
const helloQuery = "SELECT displayName(), version(), revision(), timezone()"

const engineRevision uint32 = 0

func (f *front) answerHello(out *reply, q *request) error {
	block := chproto.NewBlock()
	for _, c := range []struct{ name, kind string }{{"displayName()", "String"}, {"version()", "String"}, {"revision()", "UInt32"}, {"timezone()", "String"}} {
		if err := block.AddColumn(c.name, column.Type(c.kind)); err != nil {
			return fmt.Errorf("answer a client's hello: %w", err)
		}
	}
	if err := block.Append(f.host, f.version, engineRevision, "UTC"); err != nil {
		return fmt.Errorf("answer a client's hello: %w", err)
	}
	var b proto.Buffer
	if err := block.Encode(&b, q.clientRevision); err != nil {
		return fmt.Errorf("answer a client's hello: %w", err)
	}
	if _, err := out.Write(b.Buf); err != nil {
		return nil // the client left
	}
	return out.finish(result{rowsRead: 1})
}
