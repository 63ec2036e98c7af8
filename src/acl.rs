//! Tags are checked against a user's key patterns, as if they were keys.

use crate::commands::Call;
use crate::raw::argv::Argv;
use crate::raw::ctx::Ctx;
use crate::raw::string::{OwnStr, Str};
use crate::raw::user::{Access, User};
use larder_core::error::Error;

/// Whether the caller may do this with all of these tags, which are arguments of the call, in order.
///
/// # Errors
/// If one of them is outside his patterns.
pub(crate) fn check_tags<'t>(
    call: Call<'_>,
    access: Access,
    tags: impl IntoIterator<Item = &'t [u8]>,
) -> Result<(), Error> {
    let mut tags = tags.into_iter().peekable();
    if tags.peek().is_none() {
        return Ok(());
    }
    let (eyes, mut strings) = (Eyes::of(call.ctx), call.argv.strings());
    match tags.find(|tag| !eyes.may(access, strings.lend(tag).get())) {
        None => Ok(()),
        Some(tag) => {
            eyes.log_refusal(call.ctx, tag);
            Err(Error::NoTagPermission)
        }
    }
}

/// Whether the caller may run this command on these keys, as far as the server can tell.
pub(crate) fn may_run(ctx: Ctx<'_>, argv: Argv<'_>) -> bool {
    User::of(ctx).is_none_or(|user| user.may_run(argv))
}

/// What a caller may see.
pub(crate) struct Eyes(Option<User>);

impl Eyes {
    pub(crate) fn of(ctx: Ctx<'_>) -> Self {
        Self(User::of(ctx))
    }

    /// Whether a key or tag of that name is within the caller's patterns.
    pub(crate) fn see(&self, name: &[u8]) -> bool {
        self.may(Access::Read, OwnStr::new(name).get())
    }

    /// Has the server's `ACL LOG` tell that this key or tag was refused.
    pub(crate) fn log_refusal(&self, ctx: Ctx<'_>, name: &[u8]) {
        if let Some(user) = &self.0 {
            user.log_refusal(ctx, OwnStr::new(name).get());
        }
    }

    fn may(&self, access: Access, name: Str<'_>) -> bool {
        self.0.as_ref().is_none_or(|user| user.may(access, name))
    }
}
