// Works with leads over gRPC: create, read, change, list, watch. docs/grpc.md says how to build it.
package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log"
	mathrand "math/rand/v2"
	"os"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	leadv1 "lead-client/gen/leadsync/lead/v1"
)

// A deadline and a retry policy for every call with one answer. A watch has neither: see watch.
const serviceConfig = `{
  "loadBalancingConfig": [{"round_robin": {}}],
  "methodConfig": [{
    "name": [
      {"service": "leadsync.lead.v1.LeadService", "method": "CreateLead"},
      {"service": "leadsync.lead.v1.LeadService", "method": "GetLead"},
      {"service": "leadsync.lead.v1.LeadService", "method": "ListLeads"},
      {"service": "leadsync.lead.v1.LeadService", "method": "UpdateLead"},
      {"service": "leadsync.lead.v1.LeadService", "method": "DeleteLead"},
      {"service": "leadsync.lead.v1.LeadService", "method": "ExplainLead"}
    ],
    "timeout": "20s",
    "waitForReady": true,
    "retryPolicy": {
      "maxAttempts": 4, "initialBackoff": "0.1s", "maxBackoff": "2s", "backoffMultiplier": 3,
      "retryableStatusCodes": ["UNAVAILABLE"]
    }
  }]
}`

var tenant = or(os.Getenv("TENANT"), "default")

// dial connects: with TLS and the certificate of this service, or in plain text on the own machine only.
func dial(address string) (*grpc.ClientConn, error) {
	security := insecure.NewCredentials()
	if ca := os.Getenv("LEADSYNC_TLS_CA"); ca != "" {
		own, err := tls.LoadX509KeyPair(os.Getenv("LEADSYNC_TLS_CERT"), os.Getenv("LEADSYNC_TLS_KEY"))
		if err != nil {
			return nil, err
		}
		text, err := os.ReadFile(ca)
		if err != nil {
			return nil, err
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(text)
		// ServerName: whose certificate we expect, at any address.
		security = credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{own}, RootCAs: roots, ServerName: "lead-store"})
	}
	return grpc.NewClient(address,
		grpc.WithTransportCredentials(security),
		grpc.WithDefaultServiceConfig(serviceConfig),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: time.Minute}))
}

// reasonOf gives the stable reason of an error, such as "stale_etag"; empty if the service did not give one.
func reasonOf(err error) string {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.Reason
		}
	}
	return ""
}

// changeTitle sets the job title of the lead as it was read. If others have changed it since, it reads it again and repeats.
func changeTitle(ctx context.Context, leads leadv1.LeadServiceClient, lead *leadv1.Lead, title string) (*leadv1.Lead, error) {
	for {
		answer, err := leads.UpdateLead(ctx, update(lead, title))
		if reasonOf(err) != "stale_etag" {
			return answer.GetLead(), err
		}
		now, err := leads.GetLead(ctx, &leadv1.GetLeadRequest{TenantId: tenant, LeadId: lead.LeadId})
		if err != nil {
			return nil, err
		}
		lead = now.Lead
	}
}

func update(lead *leadv1.Lead, title string) *leadv1.UpdateLeadRequest {
	return &leadv1.UpdateLeadRequest{
		TenantId: tenant, LeadId: lead.LeadId, Etag: lead.Etag,
		Lead:       &leadv1.Lead{JobTitle: title},
		UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"job_title"}},
	}
}

// watch calls seen for each answer after the one that gave token, until it says true. A watch that breaks off goes on
// where it was.
func watch(ctx context.Context, leads leadv1.LeadServiceClient, token string, seen func(*leadv1.WatchLeadsResponse) bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for pause := 100 * time.Millisecond; ; pause = min(pause*2, 30*time.Second) {
		stream, err := leads.WatchLeads(ctx, &leadv1.WatchLeadsRequest{TenantId: tenant, ResumeToken: token})
		for err == nil {
			var answer *leadv1.WatchLeadsResponse
			if answer, err = stream.Recv(); err == nil {
				token, pause = answer.ResumeToken, 100*time.Millisecond
				if seen(answer) {
					return nil
				}
			}
		}
		// resume_token_expired (OutOfRange) is returned: list all leads again, then watch without a token.
		if code := status.Code(err); code != codes.Unavailable && code != codes.ResourceExhausted {
			return err
		}
		fmt.Fprintln(os.Stderr, "watch:", err) // such as a refused certificate
		time.Sleep(time.Duration(mathrand.Float64() * float64(pause)))
	}
}

// shows tells whether an answer of a watch shows this lead with this job title; it keeps where to go on from.
func shows(leadID, title string, token *string) func(*leadv1.WatchLeadsResponse) bool {
	return func(answer *leadv1.WatchLeadsResponse) bool {
		*token = answer.ResumeToken
		return answer.GetLead().GetLeadId() == leadID && answer.Lead.JobTitle == title
	}
}

func run(ctx context.Context, address, email string) error {
	connection, err := dial(address)
	if err != nil {
		return err
	}
	defer connection.Close()
	leads := leadv1.NewLeadServiceClient(connection)
	var token string
	// The first answer comes at once: from here on nothing is missed.
	err = watch(ctx, leads, "", func(first *leadv1.WatchLeadsResponse) bool { token = first.ResumeToken; return true })
	if err != nil {
		return err
	}

	create := &leadv1.CreateLeadRequest{
		TenantId: tenant, RequestId: rand.Text(), Actor: "example",
		Lead: &leadv1.Lead{Email: email, FirstName: "Ada", CustomFields: map[string]string{"plan": "pro"}},
	}
	made, err := leads.CreateLead(ctx, create)
	again, err2 := leads.CreateLead(ctx, create)
	if err = errors.Join(err, err2); err != nil {
		return err
	}
	id := made.Lead.LeadId
	fmt.Println("created", id, map[bool]string{true: "once", false: "twice"}[again.Lead.LeadId == id])

	got, err := leads.GetLead(ctx, &leadv1.GetLeadRequest{TenantId: tenant, LeadId: id})
	if err != nil {
		return err
	}
	fmt.Println("read", got.Lead.Email, got.Lead.CustomFields["plan"])

	changed, err := changeTitle(ctx, leads, got.Lead, "Analyst")
	if err != nil {
		return err
	}
	fmt.Println("changed", changed.JobTitle)
	_, err = leads.UpdateLead(ctx, update(got.Lead, "Poet")) // with the etag from before the change
	fmt.Println("refused", status.Code(err), reasonOf(err))

	page, err := leads.ListLeads(ctx, &leadv1.ListLeadsRequest{TenantId: tenant, Email: email, PageSize: 1})
	if err != nil {
		return err
	}
	fmt.Println("listed", len(page.Leads), map[bool]string{true: "last page", false: "more pages"}[page.NextPageToken == ""])

	if err = watch(ctx, leads, token, shows(id, "Analyst", &token)); err != nil {
		return err
	}
	fmt.Println("watched", id)
	if _, err = changeTitle(ctx, leads, changed, "Countess"); err != nil { // while nobody watches
		return err
	}
	if err = watch(ctx, leads, token, shows(id, "Countess", &token)); err != nil {
		return err
	}
	fmt.Println("resumed", id)
	return nil
}

func or(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

func main() {
	arguments := append(os.Args[1:], "127.0.0.1:50051", "ada@example.com")
	if len(os.Args) == 2 {
		arguments = []string{os.Args[1], "ada@example.com"}
	}
	if err := run(context.Background(), arguments[0], arguments[1]); err != nil {
		log.Fatal(err)
	}
}
