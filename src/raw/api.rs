//! Calls through the server's function table.

use redis_module::raw;

/// Calls `RedisModule_$name`, which must be in the list below. For use in unsafe code.
macro_rules! call {
    ($name:ident ( $($arg:expr),* $(,)? )) => {
        match redis_module::raw::$name {
            Some(function) => function($($arg),*),
            None => unreachable!("the server's functions are checked when the module loads"),
        }
    };
}

macro_rules! required {
    ($($name:ident)*) => {
        /// The first of the functions Larder needs that this server does not have.
        pub(crate) fn missing_function() -> Option<&'static str> {
            // SAFETY: the table is written once, before this is called, by the thread we are on.
            unsafe {
                $(if { raw::$name }.is_none() {
                    return Some(stringify!($name));
                })*
            }
            None
        }
    };
}

required! {
    RedisModule_ACLAddLogEntry RedisModule_ACLCheckCommandPermissions
    RedisModule_ACLCheckKeyPermissions RedisModule_Alloc RedisModule_AvoidReplicaTraffic
    RedisModule_BlockClient RedisModule_CallReplyStringPtr RedisModule_CallReplyType
    RedisModule_Calloc RedisModule_CloseKey RedisModule_CreateCommand RedisModule_CreateDataType
    RedisModule_CreateString RedisModule_CreateTimer RedisModule_DigestAddLongLong
    RedisModule_DigestAddStringBuffer RedisModule_DigestEndSequence RedisModule_EmitAOF
    RedisModule_Free RedisModule_FreeCallReply RedisModule_FreeModuleUser RedisModule_FreeString
    RedisModule_GetAbsExpire RedisModule_GetBlockedClientHandle
    RedisModule_GetBlockedClientPrivateData RedisModule_GetClientId
    RedisModule_GetClientInfoById RedisModule_GetClusterSize RedisModule_GetCommand
    RedisModule_GetContextFlags RedisModule_GetCurrentUserName RedisModule_GetDbIdFromIO
    RedisModule_GetDbIdFromModuleKey RedisModule_GetDbIdFromOptCtx
    RedisModule_GetDetachedThreadSafeContext RedisModule_GetKeyNameFromIO
    RedisModule_GetKeyNameFromOptCtx RedisModule_GetModuleUserFromUserName
    RedisModule_GetSelectedDb RedisModule_GetToDbIdFromOptCtx RedisModule_GetToKeyNameFromOptCtx
    RedisModule_InfoAddFieldDouble RedisModule_InfoAddFieldULongLong RedisModule_InfoAddSection
    RedisModule_IsIOError RedisModule_KeyType RedisModule_LoadConfigs
    RedisModule_LoadStringBuffer RedisModule_Log RedisModule_Milliseconds
    RedisModule_ModuleTypeGetType RedisModule_ModuleTypeGetValue
    RedisModule_ModuleTypeReplaceValue RedisModule_ModuleTypeSetValue
    RedisModule_MonotonicMicroseconds RedisModule_NotifyKeyspaceEvent RedisModule_OpenKey
    RedisModule_PublishMessage RedisModule_Realloc RedisModule_RegisterBoolConfig
    RedisModule_RegisterEnumConfig RedisModule_RegisterInfoFunc
    RedisModule_RegisterNumericConfig RedisModule_Replicate RedisModule_ReplicateVerbatim
    RedisModule_ReplyWithArray RedisModule_ReplyWithDouble RedisModule_ReplyWithError
    RedisModule_ReplyWithLongLong RedisModule_ReplyWithMap RedisModule_ReplyWithNull
    RedisModule_ReplyWithSimpleString RedisModule_ReplyWithStringBuffer
    RedisModule_SaveStringBuffer RedisModule_Scan RedisModule_ScanCursorCreate
    RedisModule_ScanCursorDestroy RedisModule_SelectDb RedisModule_SetAbsExpire
    RedisModule_SetCommandInfo RedisModule_SetDisconnectCallback RedisModule_SetModuleOptions
    RedisModule_StopTimer RedisModule_StringPtrLen RedisModule_SubscribeToKeyspaceEvents
    RedisModule_SubscribeToServerEvent RedisModule_UnblockClient RedisModule_UnlinkKey
}
