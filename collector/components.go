package collector

import (
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/connector"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/otlpexporter"
	"go.opentelemetry.io/collector/exporter/otlphttpexporter"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/memorylimiterprocessor"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"

	"github.com/tollkeeper/tollkeeper/collector/callskafka"
	"github.com/tollkeeper/tollkeeper/collector/callsplit"
	"github.com/tollkeeper/tollkeeper/collector/countsink"
	"github.com/tollkeeper/tollkeeper/collector/eventspans"
	"github.com/tollkeeper/tollkeeper/collector/llmcost"
	"github.com/tollkeeper/tollkeeper/collector/llmsampling"
	"github.com/tollkeeper/tollkeeper/collector/payloadkafka"
	"github.com/tollkeeper/tollkeeper/collector/tenantauth"
	"github.com/tollkeeper/tollkeeper/collector/tenantlimit"
)

// Components are the factories of the distribution; manifest.yaml lists the same for ocb.
func Components() (otelcol.Factories, error) { return components(nil, nil) }

func components(now func() time.Time, trouble func() string) (otelcol.Factories, error) {
	if now == nil {
		now = time.Now
	}
	var f otelcol.Factories
	var errs [5]error
	f.Receivers, errs[0] = otelcol.MakeFactoryMap[receiver.Factory](otlpreceiver.NewFactory())
	f.Processors, errs[1] = otelcol.MakeFactoryMap[processor.Factory](
		memorylimiterprocessor.NewFactory(), llmcost.NewFactoryAt(now), tenantlimit.NewFactory(), llmsampling.NewFactory())
	f.Exporters, errs[2] = otelcol.MakeFactoryMap[exporter.Factory](
		callskafka.NewFactory(), payloadkafka.NewFactory(), countsink.NewFactory(),
		otlpexporter.NewFactory(), otlphttpexporter.NewFactory())
	f.Connectors, errs[3] = otelcol.MakeFactoryMap[connector.Factory](callsplit.NewFactoryFor(trouble), eventspans.NewFactory())
	f.Extensions, errs[4] = otelcol.MakeFactoryMap[extension.Factory](tenantauth.NewFactory())
	f.Telemetry = otelconftelemetry.NewFactory()
	if err := errors.Join(errs[:]...); err != nil {
		return f, fmt.Errorf("collector components: %w", err)
	}
	return f, nil
}
