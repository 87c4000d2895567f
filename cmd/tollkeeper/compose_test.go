package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"

	"github.com/tollkeeper/tollkeeper/internal/testkit/clickhousetest"
	"github.com/tollkeeper/tollkeeper/internal/testkit/kafkatest"
)

// compose loads docker-compose.yml as `docker compose --profile demo` would, with the example's environment.
func compose(t *testing.T) *types.Project {
	t.Helper()
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	options, err := cli.NewProjectOptions([]string{filepath.Join(root, "docker-compose.yml")},
		cli.WithProfiles([]string{"demo"}), cli.WithEnvFiles(filepath.Join(root, "deploy", "env.example")), cli.WithDotEnv)
	require.NoError(t, err)
	project, err := options.LoadProject(t.Context())
	require.NoError(t, err)
	return project
}

func TestComposeFile(t *testing.T) {
	project := compose(t)
	for _, name := range []string{"clickhouse", "kafka", "grafana", "alertmanager", "schema", "topics", "collector", "ingest",
		"rollup", "alerts", "dashboards", "demo-gateway", "demo-traffic"} {
		service, err := project.GetService(name)
		require.NoError(t, err)
		for _, port := range service.Ports {
			require.Equal(t, "127.0.0.1", port.HostIP, "%s publishes %s beyond loopback", name, port.Published)
		}
		for _, v := range service.Volumes {
			if v.Type == types.VolumeTypeBind {
				require.FileExists(t, v.Source, "%s mounts it", name)
			}
		}
		for on := range service.DependsOn {
			require.Contains(t, project.Services, on, "%s depends on it", name)
		}
	}
	for service, known := range map[string][]string{
		"collector": nil, "topics": nil, "dashboards": nil, "demo-gateway": {"WEBHOOK_SECRET"}, "demo-traffic": nil,
		"ingest": {"WEBHOOK_SECRET", "CLICKHOUSE_URL"}, "alerts": {"WEBHOOK_SECRET", "CLICKHOUSE_URL"}, "schema": {"WEBHOOK_SECRET", "CLICKHOUSE_URL"},
	} {
		for _, secret := range []string{"WEBHOOK_SECRET", "CLICKHOUSE_URL", "CLICKHOUSE_PASSWORD", "GRAFANA_ADMIN_PASSWORD"} {
			_, has := project.Services[service].Environment["TOLLKEEPER_"+secret]
			require.Equal(t, slices.Contains(known, secret), has, "%s and TOLLKEEPER_%s", service, secret)
		}
	}
	for name, service := range project.Services {
		require.Equal(t, []string{"ALL"}, service.CapDrop, name)
		require.Contains(t, service.SecurityOpt, "no-new-privileges:true", name)
		require.Equal(t, name != "clickhouse" && name != "kafka", service.ReadOnly, name)
	}
	require.Len(t, project.Services["clickhouse"].Volumes, 7, "data, three tiers, three files")
	for _, name := range []string{"tollkeeper", "collector"} {
		require.FileExists(t, project.Configs[name].File)
	}
}

// Every role's command line, environment and configuration of the compose file is started for real, against the
// embedded servers on other addresses.
func TestComposeRolesStart(t *testing.T) {
	project := compose(t)
	engine := clickhousetest.Start(t)
	secret := project.Services["alerts"].Environment["TOLLKEEPER_WEBHOOK_SECRET"]
	require.NotNil(t, secret)
	provisioning := t.TempDir()

	gateway := start(t, map[string]string{"TOLLKEEPER_WEBHOOK_SECRET": *secret}, adapt(t, project, "demo-gateway", nil)...)
	gatewayURL := gateway.waitFor(`gateway=(http://\S+)`)
	environment := func(service string) map[string]string {
		env := map[string]string{}
		for k, v := range project.Services[service].Environment {
			require.NotNil(t, v, "%s: %s has no value", service, k)
			env[k] = *v
		}
		here := map[string]string{
			"TOLLKEEPER_CLICKHOUSE_URL":      engine.URL("compose"),
			"TOLLKEEPER_KAFKA_BROKERS":       strings.Join(brokers(t), ","),
			"TOLLKEEPER_GATEWAY_WEBHOOK_URL": gatewayURL + "/hooks/throttle",
			"TOLLKEEPER_OTLP_GRPC":           "127.0.0.1:0",
			"TOLLKEEPER_OTLP_HTTP":           "127.0.0.1:0",
			"TOLLKEEPER_HTTP_LISTEN":         "127.0.0.1:0",
		}
		maps.DeleteFunc(here, func(k, _ string) bool { _, named := env[k]; return !named })
		maps.Copy(env, here)
		return env
	}
	for _, job := range []string{"schema", "topics", "dashboards"} {
		p := start(t, environment(job), adapt(t, project, job, map[string]string{"/provisioning": provisioning})...)
		require.Zero(t, p.exit(), "%s:\n%s", job, p.text())
	}
	require.FileExists(t, filepath.Join(provisioning, "datasources", "tollkeeper.yaml"))

	roles := map[string]*process{}
	for _, role := range []string{"alerts", "rollup", "ingest", "collector"} {
		roles[role] = start(t, environment(role), adapt(t, project, role, nil)...)
	}
	for _, p := range roles {
		p.ready()
	}
	otlp := roles["collector"].waitFor(`OTLP gRPC +(\S+)`)
	start(t, nil, adapt(t, project, "demo-traffic", map[string]string{"http://demo-gateway:8080": gatewayURL, "collector:4317": otlp})...)
	require.Eventually(t, func() bool {
		rows := engine.Exec(t, engine.URL("compose"), "SELECT sum(calls) FROM spend(from = now('UTC') - INTERVAL 1 HOUR, to = now('UTC') + INTERVAL 1 HOUR)")
		return rows != "0"
	}, twoMinutes, aMoment, "no call of the demo's traffic reached the rollups")
	for name, p := range roles {
		require.Zero(t, p.terminate(), "%s:\n%s", name, p.text())
	}
}

var shared []string

// brokers are of one embedded broker for the test.
func brokers(t *testing.T) []string {
	if shared == nil {
		shared = kafkatest.Start(t)
	}
	return shared
}

// adapt is the service's command line with its paths and addresses replaced by this machine's.
func adapt(t *testing.T, project *types.Project, service string, replace map[string]string) []string {
	t.Helper()
	config := ""
	for _, c := range project.Services[service].Configs {
		config = project.Configs[c.Source].File
		_, err := os.Stat(config)
		require.NoError(t, err)
	}
	args := append([]string{}, project.Services[service].Command...)
	require.NotEmpty(t, args, "%s has no command", service)
	for i, a := range args {
		switch to, ok := replace[a]; {
		case ok:
			args[i] = to
		case a == "/etc/tollkeeper/tollkeeper.yaml":
			require.NotEmpty(t, config, "%s has no configuration", service)
			args[i] = config
		case strings.HasPrefix(a, "0.0.0.0:"):
			args[i] = "127.0.0.1:0"
		}
	}
	return args
}
