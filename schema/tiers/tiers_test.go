package tiers

import (
	"encoding/xml"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func s3(endpoint string) Config { return Config{Cold: Disk{S3: S3{Endpoint: endpoint}}} }

func TestValidate(t *testing.T) {
	const good = "https://bucket.s3.eu-central-1.amazonaws.com/tollkeeper/"
	require.NoError(t, Config{}.Validate())
	require.NoError(t, s3(good).Validate())
	require.NoError(t, Config{Hot: Disk{Path: "/nvme"}, Warm: Disk{Path: "/hdd/warm"}, Cold: s3(good).Cold}.Validate())
	for want, c := range map[string]Config{
		`cold.s3.endpoint: "bucket"`:              s3("bucket"),
		`prefix that ends with /`:                 s3("https://bucket.s3.amazonaws.com/"),
		`want the bucket's URL`:                   s3("https://user:secret@bucket.s3.amazonaws.com/x/"),
		"one without the other":                   {Cold: Disk{S3: S3{Endpoint: good, AccessKeyID: "a"}}},
		"hot.s3: inserts go to hot":               {Hot: s3(good).Cold},
		"a tier is a directory or a bucket":       {Cold: Disk{Path: "/x", S3: S3{Endpoint: good}}},
		`warm.path: "here" is not absolute`:       {Warm: Disk{Path: "here"}},
		`"/x" is also the place of hot`:           {Hot: Disk{Path: "/x"}, Cold: Disk{Path: "/x/"}},
		"cold.s3.endpoint: empty, but other keys": {Cold: Disk{S3: S3{Region: "eu"}}},
	} {
		require.ErrorContains(t, c.Validate(), want)
	}
}

// The file in deploy is what the command prints for three directories.
func TestDeployedFile(t *testing.T) {
	text, err := Config{Hot: Disk{Path: "/var/lib/clickhouse-hot"}, Warm: Disk{Path: "/var/lib/clickhouse-warm"}, Cold: Disk{Path: "/var/lib/clickhouse-cold"}}.ServerXML("/var/lib/clickhouse/disks")
	require.NoError(t, err)
	deployed, err := os.ReadFile("../../deploy/clickhouse/storage.xml")
	require.NoError(t, err)
	require.Equal(t, string(deployed), text, "write it anew: tollkeeper storage config")
}

func TestSecretsAreInTheEnginesFileOnly(t *testing.T) {
	c := Config{Cold: Disk{S3: S3{Endpoint: "https://h/b/<x>/", AccessKeyID: "AKIA", SecretAccessKey: "open-sesame"}}}
	ours, err := c.XML("/data", true)
	require.NoError(t, err)
	require.Contains(t, ours, "<secret_access_key>open-sesame</secret_access_key>")
	require.Contains(t, ours, "https://h/b/&lt;x&gt;/")
	theirs, err := c.ServerXML("/data")
	require.NoError(t, err)
	require.NotContains(t, theirs, "open-sesame")
	require.Contains(t, theirs, `from_env="TOLLKEEPER_COLD_S3_SECRET_ACCESS_KEY"`)
	require.NotContains(t, strings.Join(c.Places("/data"), "\n"), "open-sesame")
	for _, text := range []string{ours, theirs} {
		require.NoError(t, xml.Unmarshal([]byte(text), new(struct{})))
		require.NotContains(t, text, "prefer_not_to_merge", "parts on such a volume outlive their TTL")
		require.Contains(t, text, "<cold><disk>cold</disk><perform_ttl_move_on_insert>0</perform_ttl_move_on_insert></cold>")
		require.Contains(t, text, "<disk>cold_s3</disk>")
	}
	shown, err := c.Cold.S3.SecretAccessKey.MarshalText()
	require.NoError(t, err)
	require.Equal(t, "[hidden]", string(shown))
}
