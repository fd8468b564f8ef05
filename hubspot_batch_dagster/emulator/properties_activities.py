"""Properties of calls, emails, meetings, notes, tasks, communications and postal mail."""

from __future__ import annotations

_BASE = """
hs_timestamp                   | datetime    | date            | Activity date
hs_attachment_ids              | enumeration | checkbox        | Attached file IDs | owner
hs_activity_type               | enumeration | select          | Call and meeting type
hs_engagement_source           | enumeration | select          | Engagement source | readonly
hs_engagement_source_id        | string      | text            | Engagement source ID | readonly
hs_body_preview                | string      | text            | Body preview | readonly
hs_queue_membership_ids        | enumeration | checkbox        | Queue memberships | readonly
"""

CALLS = """
hs_call_title                  | string      | text            | Call Title
hs_call_body                   | string      | html            | Call notes
hs_call_direction | enumeration | select | Call direction |  | INBOUND=Inbound;OUTBOUND=Outbound
hs_call_disposition | enumeration | select | Call outcome |  | 9d9162e7-6cf3-4944-bf63-4dff82258764=Busy;
+ f240bbac-87c9-4f6e-bf70-924b57d47db7=Connected;a4c4c377-d246-4b32-a13b-75a56a4cd0ff=Left live message;
+ b2cf5968-551e-4856-9783-52b3da59a7d0=Left voicemail;73a0d17f-1163-4015-bdd5-ec830791da20=No answer;
+ 17b47fee-58de-441e-a44c-c6300d46f273=Wrong number
hs_call_duration               | number      | number          | Call duration
hs_call_from_number            | string      | text            | From number
hs_call_to_number              | string      | text            | To number
hs_call_recording_url          | string      | text            | Recording URL
hs_call_video_recording_url    | string      | text            | Video recording URL
hs_call_status | enumeration | select | Call status |  | BUSY=Busy;CALLING_CRM_USER=Calling CRM user;
+ CANCELED=Canceled;COMPLETED=Completed;CONNECTING=Connecting;FAILED=Failed;IN_PROGRESS=In progress;
+ NO_ANSWER=No answer;QUEUED=Queued;RINGING=Ringing
hs_call_source | enumeration | select | Call source |  | INTEGRATIONS_PLATFORM=Integrations;CRM_UI=HubSpot;
+ ZOOM=Zoom
hs_call_callee_object_id       | number      | number          | Callee object ID
hs_call_callee_object_type | enumeration | select | Callee object type |  | CONTACT=Contact;COMPANY=Company
hs_call_app_id                 | number      | number          | App ID
hs_call_external_id            | string      | text            | External call ID
hs_call_external_account_id    | string      | text            | External account ID
hs_call_has_transcript         | bool        | booleancheckbox | Transcript available | readonly
hs_call_has_voicemail          | bool        | booleancheckbox | Has voicemail
"""

EMAILS = """
hs_email_direction | enumeration | select | Email direction |  | EMAIL=Email;INCOMING_EMAIL=Incoming email;
+ FORWARDED_EMAIL=Forwarded email;DRAFT_EMAIL=Draft email
hs_email_status | enumeration | select | Email send status |  | BOUNCED=Bounced;FAILED=Failed;
+ SCHEDULED=Scheduled;SENDING=Sending;SENT=Sent
hs_email_subject               | string      | text            | Email subject
hs_email_text                  | string      | textarea        | Email body
hs_email_html                  | string      | html            | Email HTML body
hs_email_headers               | string      | textarea        | Email headers
hs_email_from_email            | string      | text            | From address | calculated
hs_email_to_email              | string      | text            | To address | calculated
hs_email_open_rate             | number      | number          | Open rate | calculated
"""

MEETINGS = """
hs_meeting_title               | string      | text            | Meeting name
hs_meeting_body                | string      | html            | Meeting description
hs_internal_meeting_notes      | string      | html            | Internal meeting notes
hs_meeting_start_time          | datetime    | date            | Meeting start time
hs_meeting_end_time            | datetime    | date            | Meeting end time
hs_meeting_location            | string      | text            | Meeting location
hs_meeting_location_type | enumeration | select | Meeting location type |  | PHONE=Phone;ADDRESS=Address;
+ CUSTOM=Custom
hs_meeting_external_url        | string      | text            | External URL
hs_meeting_outcome | enumeration | select | Meeting outcome |  | SCHEDULED=Scheduled;COMPLETED=Completed;
+ RESCHEDULED=Rescheduled;NO_SHOW=No show;CANCELED=Canceled
"""

NOTES = """
hs_note_body                   | string      | html            | Note body
"""

TASKS = """
hs_task_subject                | string      | text            | Task Title
hs_task_body                   | string      | html            | Task notes
hs_task_status | enumeration | radio | Task Status |  | COMPLETED=Completed;DEFERRED=Deferred;
+ IN_PROGRESS=In progress;NOT_STARTED=Not started;WAITING=Waiting
hs_task_priority | enumeration | radio | Priority |  | NONE=None;LOW=Low;MEDIUM=Medium;HIGH=High
hs_task_type | enumeration | radio | Task Type |  | EMAIL=Email;CALL=Call;MEETING=Meeting;TODO=To do;
+ LINKED_IN=LinkedIn
hs_task_reminders              | string      | text            | Reminders
hs_task_is_completed           | number      | number          | Is completed | calculated
hs_task_completion_date        | datetime    | date            | Completed at | readonly
"""

COMMUNICATIONS = """
hs_communication_channel_type | enumeration | select | Channel type |  | WHATS_APP=WhatsApp;
+ LINKEDIN_MESSAGE=LinkedIn;SMS=SMS
hs_communication_logged_from   | enumeration | select          | Logged from | | CRM=CRM
hs_communication_body          | string      | html            | Communication body
"""

POSTAL_MAIL = """
hs_postal_mail_body            | string      | html            | Postal mail body
"""

ACTIVITY_PROPERTIES = {
    "calls": _BASE + CALLS,
    "emails": _BASE + EMAILS,
    "meetings": _BASE + MEETINGS,
    "notes": _BASE + NOTES,
    "tasks": _BASE + TASKS,
    "communications": _BASE + COMMUNICATIONS,
    "postal_mail": _BASE + POSTAL_MAIL,
}
