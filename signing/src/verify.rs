use crate::{
    Component, Field, FieldValue, KeyId, KeySet, METHOD_OVERRIDES, Method, Nonce, ReceivedRequest, ReceivedTarget,
    Refusal, Request, Target, UnixSeconds, VerificationPolicy, ViewerIp, announces_body, connection,
    profile::{CONNECTION, HOST, LABEL, has_known_length, resembles},
    signature_base::signature_base,
    signature_input::{Covered, SignatureInput, Signed},
    structured_field::{ByteSequence, StructuredFieldError, byte_sequences, inner_lists},
};
use alloc::vec::Vec;
use core::net::IpAddr;

/// A request that names what the gateway received and whose time is valid. All rules are checked except those of the
/// key and the signature.
///
/// It is not a proof. It exists so that only requests that could be admitted need the key set, and cause a new read if
/// the set does not hold their key.
#[derive(Debug)]
pub struct CheckedRequest<'a> {
    request: Request<'a>,
    /// The signed path without stage and base path.
    path: &'a str,
    covered: Covered,
    /// The parameters as received, for the last line of the signature base.
    parameters: &'a str,
    signed: Signed,
    signature: ByteSequence<'a>,
    now: UnixSeconds,
}

/// Proof that a request carries a valid, fresh signature over what the gateway received. Only [`CheckedRequest::verify`] makes it.
///
/// ```compile_fail,E0451
/// # use signing::{FieldValue, KeyId, Nonce, Target, Verified};
/// # fn forge<'a>(
/// #     key_id: KeyId, nonce: Nonce, viewer_ip: std::net::IpAddr, target: Target<'a>, path: &'a str,
/// #     content_digest: Option<FieldValue<'a>>,
/// # ) -> Verified<'a> {
/// Verified { key_id, nonce, viewer_ip, target, path, content_digest }
/// # }
/// ```
/// ```
/// # use signing::{FieldValue, KeyId, Nonce, Target, Verified};
/// # fn read<'v>(verified: &'v Verified<'_>) -> (
/// #     &'v KeyId, Nonce, std::net::IpAddr, Target<'v>, &'v str, Option<FieldValue<'v>>
/// # ) {
/// (
///     verified.key_id(), verified.nonce(), verified.viewer_ip(), verified.target(), verified.path(),
///     verified.content_digest(),
/// )
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<'a> {
    key_id: KeyId,
    nonce: Nonce,
    viewer_ip: IpAddr,
    target: Target<'a>,
    path: &'a str,
    content_digest: Option<FieldValue<'a>>,
}

impl<'a> Verified<'a> {
    /// The key that signed.
    pub fn key_id(&self) -> &KeyId {
        &self.key_id
    }

    /// The value that a replay guard must remember.
    pub fn nonce(&self) -> Nonce {
        self.nonce
    }

    /// The viewer's address as the edge saw it.
    pub fn viewer_ip(&self) -> IpAddr {
        self.viewer_ip
    }

    /// The target that was signed, byte for byte, with stage or base path.
    pub fn target(&self) -> Target<'a> {
        self.target
    }

    /// The path that was signed, byte for byte, without the stage or base path by which the gateway chose the API. It
    /// begins with `/`. The base path of a custom domain is removed if [`VerificationPolicy::base_paths`] lists it.
    pub fn path(&self) -> &'a str {
        self.path
    }

    /// The `Content-Digest` that was signed, if the request has one.
    pub fn content_digest(&self) -> Option<FieldValue<'a>> {
        self.content_digest
    }
}

impl<'a> CheckedRequest<'a> {
    /// Checks rules 1 to 5.
    ///
    /// # Errors
    /// The first rule that does not hold.
    pub fn check(received: &'a ReceivedRequest<'a>, policy: &VerificationPolicy) -> Result<Self, Refusal> {
        // 1. One of each header, one member in both dictionaries, nothing that changes the request behind the gateway.
        let fields = Fields::collect(received.headers);
        let signature_input = fields.single(Field::SignatureInput)?;
        let signature = fields.single(Field::Signature)?;
        let target = fields.single(Field::CountersignTarget)?;
        let viewer_ip = fields.single(Field::CountersignViewerIp)?;
        let input = read_signature_input(signature_input)?;
        let mut members = Members::default();
        let parsed = byte_sequences(signature, |member| members.add(member.key, || member.value.clone()));
        let signature = members.ours(Field::Signature, parsed)?;
        if let ReceivedTarget::HttpV1 { shows_repeats: false, .. }
        | ReceivedTarget::WebSocket { shows_repeats: false, .. } = received.target
        {
            return Err(Refusal::RepeatsHidden);
        }
        if let Some(name) = fields.method_override {
            return Err(Refusal::MethodOverride(name));
        }
        fields.connections.iter().try_for_each(|value| connection::check(value))?;
        let is_bodiless = matches!(received.method, "GET" | "HEAD");
        if is_bodiless && fields.announces_body {
            return Err(Refusal::Body);
        }

        // 2. What is covered.
        let covered = input.covered?;
        let content_digest = content_digest(&fields, &covered)?;
        if policy.require_digest && !is_bodiless && content_digest.is_none() {
            return Err(Refusal::DigestRequired);
        }
        let viewer_ip = ViewerIp::try_from(viewer_ip).map_err(|_| Refusal::ViewerIp)?;

        // 3. The parameters.
        let signed = input.signed?;
        if signature.has_parameters {
            return Err(Refusal::SignatureParameters);
        }

        // 4. The time.
        let now = check_time(&signed, policy, received.time)?;

        // 5. The target.
        let authority = received.domain_name.try_into().map_err(|_| Refusal::Host)?;
        let is_host = |host: &str| host.eq_ignore_ascii_case(received.domain_name);
        if fields.host.times != 1 || !fields.host.value.is_some_and(is_host) {
            return Err(Refusal::Host);
        }
        if received.second_method.is_some_and(|method| method != received.method) {
            return Err(Refusal::Method);
        }
        let method = Method::try_from(received.method).map_err(|_| Refusal::Method)?;
        let target = Target::try_from(target).map_err(|_| Refusal::Target)?;
        let path = received.target.confirm(target, received, policy)?;

        let request = Request { method, authority, target, viewer_ip, content_digest };
        Ok(Self { request, path, covered, parameters: input.text, signed, signature, now })
    }

    /// The id of the key that the signature names.
    pub fn key_id(&self) -> &KeyId {
        &self.signed.key_id
    }

    /// Checks rules 6 and 7.
    ///
    /// # Errors
    /// The first rule that does not hold.
    pub fn verify(&self, keys: &KeySet) -> Result<Verified<'a>, Refusal> {
        let Signed { key_id, created, nonce, .. } = &self.signed;

        // 6. The key.
        let key = keys.verifying_key(key_id, *created, self.now)?;

        // 7. The signature.
        let mac = self.signature.decode().ok_or(Refusal::Signature)?;
        let base = signature_base(&self.request, self.covered.iter().copied(), self.parameters);
        if !key.verify_mac(base.as_bytes(), &mac) {
            return Err(Refusal::Signature);
        }
        let Request { target, viewer_ip, content_digest, .. } = self.request;
        let (viewer_ip, path) = (viewer_ip.address(), self.path);
        Ok(Verified { key_id: key_id.clone(), nonce: *nonce, viewer_ip, target, path, content_digest })
    }
}

/// The headers that the rules need, collected in one pass.
#[derive(Default)]
struct Fields<'a> {
    /// In the order of [`Field::ALL`].
    found: [Found<'a>; Field::ALL.len()],
    host: Found<'a>,
    /// Most requests have none.
    connections: Vec<&'a str>,
    method_override: Option<&'static str>,
    announces_body: bool,
}

/// The headers that some reader could take for one of our fields. Similar names count, but only the exact name is
/// accepted.
#[derive(Clone, Copy, Default)]
struct Found<'a> {
    /// How many headers resemble the field.
    times: usize,
    /// The last value under the exact name, case aside.
    value: Option<&'a str>,
}

impl<'a> Fields<'a> {
    fn collect(headers: &[(&'a str, &'a str)]) -> Self {
        let mut fields = Self::default();
        for &(name, value) in headers.iter().filter(|(name, _)| has_known_length(name)) {
            let is = |other: &str| name.eq_ignore_ascii_case(other);
            let like = |other: &str| resembles(name, other);
            if let Some((_, found)) = Field::ALL.iter().zip(&mut fields.found).find(|(field, _)| is(field.name())) {
                *found = Found { times: found.times + 1, value: Some(value) };
            } else if let Some((_, found)) =
                Field::ALL.iter().zip(&mut fields.found).find(|(field, _)| like(field.name()))
            {
                found.times += 1;
            } else if is(HOST) {
                fields.host = Found { times: fields.host.times + 1, value: Some(value) };
            } else if is(CONNECTION) {
                fields.connections.push(value);
            } else if let Some(name) = METHOD_OVERRIDES.into_iter().find(|other| like(other)) {
                fields.method_override = Some(name);
            } else {
                fields.announces_body |= announces_body([(name, value)]);
            }
        }
        fields
    }

    fn single(&self, field: Field) -> Result<&'a str, Refusal> {
        self.at_most_one(field)?.value.ok_or(Refusal::Missing(field))
    }

    fn at_most_one(&self, field: Field) -> Result<Found<'a>, Refusal> {
        let found = Field::ALL.iter().zip(self.found).find(|(other, _)| **other == field);
        match found.map(|(_, found)| found).unwrap_or_default() {
            Found { times: times @ 2.., .. } => Err(Refusal::Repeated(field, times)),
            found => Ok(found),
        }
    }
}

/// The members of a dictionary.
struct Members<V> {
    /// The first member `countersign`.
    ours: Option<V>,
    is_repeated: bool,
    has_others: bool,
}

impl<V> Default for Members<V> {
    fn default() -> Self {
        Self { ours: None, is_repeated: false, has_others: false }
    }
}

impl<V> Members<V> {
    fn add(&mut self, key: &str, value: impl FnOnce() -> V) {
        match (key == LABEL, &self.ours) {
            (false, _) => self.has_others = true,
            (true, Some(_)) => self.is_repeated = true,
            (true, None) => self.ours = Some(value()),
        }
    }

    /// The member `countersign` of a dictionary that has only this member.
    fn ours(self, field: Field, parsed: Result<(), StructuredFieldError>) -> Result<V, Refusal> {
        parsed.map_err(|error| Refusal::Unparsable(field, error.at))?;
        match self.ours {
            None => Err(Refusal::LabelMissing(field)),
            Some(_) if self.is_repeated => Err(Refusal::LabelRepeated(field)),
            Some(_) if self.has_others => Err(Refusal::LabelUnknown(field)),
            Some(value) => Ok(value),
        }
    }
}

/// The member `countersign` of the only `Countersign-Signature-Input`.
pub(crate) fn signature_input<'a>(headers: &[(&'a str, &'a str)]) -> Result<SignatureInput<'a>, Refusal> {
    read_signature_input(Fields::collect(headers).single(Field::SignatureInput)?)
}

fn read_signature_input(field: &str) -> Result<SignatureInput<'_>, Refusal> {
    match SignatureInput::as_written(field) {
        Some(input) => Ok(input),
        None => parsed_signature_input(field),
    }
}

fn parsed_signature_input(field: &str) -> Result<SignatureInput<'_>, Refusal> {
    let mut members = Members::default();
    let parsed = inner_lists(field, |member| members.add(member.key, || SignatureInput::of_member(member)));
    members.ours(Field::SignatureInput, parsed)
}

/// The digest must be covered if and only if it is present.
fn content_digest<'a>(fields: &Fields<'a>, covered: &[Component]) -> Result<Option<FieldValue<'a>>, Refusal> {
    let found = fields.at_most_one(Field::ContentDigest)?;
    match (found.value, covered.contains(&Component::ContentDigest)) {
        (None, true) => Err(Refusal::DigestAbsent),
        // A header with a similar name counts too: a backend could read it.
        (_, false) if found.times > 0 => Err(Refusal::ComponentMissing(Component::ContentDigest)),
        (value, _) => value.map(FieldValue::try_from).transpose().map_err(|_| Refusal::DigestMalformed),
    }
}

/// Returns the time at which the gateway received the request.
fn check_time(signed: &Signed, policy: &VerificationPolicy, now: Option<UnixSeconds>) -> Result<UnixSeconds, Refusal> {
    let Signed { created, expires, .. } = *signed;
    if created >= expires {
        return Err(Refusal::Lifetime { created, expires });
    }
    if expires.since(created) > policy.max_lifetime {
        return Err(Refusal::LifetimeTooLong { seconds: expires.since(created).as_secs() });
    }
    let now = now.ok_or(Refusal::RequestTime)?;
    if created > now + policy.skew {
        return Err(Refusal::Future { seconds: created.since(now).as_secs() });
    }
    if now >= expires + policy.skew {
        return Err(Refusal::Expired { seconds: now.since(expires).as_secs() });
    }
    Ok(now)
}
