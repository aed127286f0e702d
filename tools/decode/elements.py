"""The elements of the DLMS UA XML form, as a table over the declared frames: a name, and how a value is written.

What is not in the table is the declaration's name in the form's spelling (`block_number` is BlockNumber) with a number's or
octets' hexadecimal digits as its value. `xml` does the walking.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

from protocols.core.codec import Frame
from protocols.dlms import access, acse, general_block, hdlc, initiate, short_name, xdlms
from protocols.dlms.axdr import Tag
from protocols.dlms.security import ciphering, general

Field: TypeAlias = "tuple[type[Frame], str]"

FRAMES: Final[Mapping[type[Frame], str]] = {
    xdlms.GetRequestNext: "GetRequestForNextDataBlock",
    xdlms.GetResponseWithDatablock: "GetResponsewithDataBlock",
    xdlms.SetRequestWithFirstDatablock: "SetRequestFirstDataBlock",
    xdlms.SetRequestWithDatablock: "SetRequestWithDataBlock",
    xdlms.SetRequestWithListAndFirstDatablock: "SetRequestWithListAndFirstDataBlock",
    xdlms.SetResponseDatablock: "SetResponseDataBlock",
    xdlms.SetResponseLastDatablock: "SetResponseWithLastDataBlock",
    xdlms.SetResponseLastDatablockWithList: "SetResponseWithLastDataBlockWithList",
    xdlms.ActionRequestNextPblock: "ActionRequestForNextDataBlock",
    xdlms.ActionRequestWithFirstPblock: "ActionRequestWithFirstBlock",
    xdlms.ActionRequestWithListAndFirstPblock: "ActionRequestWithListAndFirstBlock",
    xdlms.ActionRequestWithPblock: "ActionRequestWithBlock",
    xdlms.ActionResponseWithPblock: "ActionResponseWithPBlock",
    xdlms.ActionResponseNextPblock: "ActionResponseNextBlock",
    xdlms.AttributeWithSelection: "AttributeDescriptorWithSelection",
    xdlms.ActionResponse: "ActionResponseWithOptionalData",
    access.Specification: "_AccessRequestSpecification",
    access.Result: "_AccessResponseSpecification",
    acse.AARQ: "AssociationRequest",
    acse.AARE: "AssociationResponse",
    acse.RLRQ: "ReleaseRequest",
    acse.RLRE: "ReleaseResponse",
    general_block.GeneralBlock: "GeneralBlockTransfer",
    short_name.InformationReport: "InformationReportRequest",
    short_name.ParameterizedAccess: "ParameterisedAccess",
}
"""Elements of frames, where they are not the frame's own name."""

FIELDS: Final[Mapping[str, str]] = {
    "invoke": "InvokeIdAndPriority", "long_invoke": "LongInvokeIdAndPriority", "attribute": "AttributeDescriptor",
    "method": "MethodDescriptor", "selection": "AccessSelection", "selector": "AccessSelector",
    "parameters": "AccessParameters", "number": "BlockNumber", "last": "LastBlock", "raw": "RawData", "block": "DataBlock",
    "attributes": "AttributeDescriptorList", "methods": "MethodDescriptorList", "values": "ValueList", "results": "Result",
    "title": "SystemTitle", "originator": "OriginatorSystemTitle", "recipient": "RecipientSystemTitle",
}  # fmt: skip
"""Elements of fields in every frame, where they are not the field's name."""

FLAT: Final = ""
"""Instead of an element: what the field holds stands in the element around it."""

ITSELF: Final = "."
"""Instead of an element: the items of this list stand in the frame's own element, which has their quantity."""

ELEMENTS: Final[Mapping[Field, str]] = {
    (general_block.GeneralBlock, "control"): "BlockControl",
    (general_block.GeneralBlock, "acknowledged"): "BlockNumberAck",
    (general_block.GeneralBlock, "raw"): "BlockData",
    (short_name.ReadRequest, "variables"): ITSELF,
    (short_name.ReadResponse, "results"): ITSELF,
    (short_name.WriteRequest, "variables"): "ListOfVariableAccessSpecification",
    (short_name.WriteRequest, "data"): "ListOfData",
    (short_name.WriteResponse, "results"): ITSELF,
    (short_name.UnconfirmedWriteRequest, "variables"): "ListOfVariableAccessSpecification",
    (short_name.UnconfirmedWriteRequest, "data"): "ListOfData",
    (short_name.InformationReport, "time"): "CurrentTime",
    (short_name.InformationReport, "variables"): "ListOfVariableAccessSpecification",
    (short_name.InformationReport, "data"): "ListOfData",
    (short_name.ParameterizedAccess, "name"): "VariableName",
    (short_name.ParameterizedAccess, "selector"): "Selector",
    (xdlms.ActionRequestNormal, "parameters"): "MethodInvocationParameters",
    (xdlms.ActionRequestWithList, "parameters"): "MethodInvocationParameters",
    (xdlms.GetResponseWithDatablock, "block"): "Result",
    (xdlms.ActionResponseNormal, "response"): FLAT,
    (xdlms.ActionResponse, "returned"): "ReturnParameters",
    (xdlms.ActionResponseWithPblock, "block"): "PBlock",
    (xdlms.ActionResponseWithList, "responses"): "Result",
    (xdlms.EventNotificationRequest, "value"): "AttributeValue",
    (xdlms.DataNotification, "body"): "NotificationBody/DataValue",
    (access.AccessRequest, "specifications"): "AccessRequestBody/AccessRequestSpecification",
    (access.AccessRequest, "data"): "AccessRequestBody/AccessRequestListOfData",
    (access.AccessResponse, "specifications"): "AccessResponseBody/AccessRequestSpecification",
    (access.AccessResponse, "data"): "AccessResponseBody/AccessResponseListOfData",
    (access.AccessResponse, "results"): "AccessResponseBody/AccessResponseSpecification",
    (access.SelectedAttribute, "attribute"): "AttributeDescriptor",
    (initiate.InitiateRequest, "quality_of_service"): "ProposedQualityOfService",
    (initiate.InitiateRequest, "version"): "ProposedDlmsVersionNumber",
    (initiate.InitiateRequest, "conformance"): "ProposedConformance",
    (initiate.InitiateRequest, "max_pdu"): "ProposedMaxPduSize",
    (initiate.InitiateResponse, "quality_of_service"): "NegotiatedQualityOfService",
    (initiate.InitiateResponse, "version"): "NegotiatedDlmsVersionNumber",
    (initiate.InitiateResponse, "conformance"): "NegotiatedConformance",
    (initiate.InitiateResponse, "max_pdu"): "NegotiatedMaxPduSize",
    (acse.AARQ, "body"): FLAT,
    (acse.AARE, "body"): FLAT,
    (acse.RLRQ, "body"): FLAT,
    (acse.RLRE, "body"): FLAT,
    (acse.AssociateRequest, "application_context"): "ApplicationContextName",
    (acse.AssociateRequest, "called_ap_title"): "CalledAPTitle",
    (acse.AssociateRequest, "called_ae_qualifier"): "CalledAEQualifier",
    (acse.AssociateRequest, "called_ap_invocation"): "CalledAPInvocationId",
    (acse.AssociateRequest, "called_ae_invocation"): "CalledAEInvocationId",
    (acse.AssociateRequest, "calling_ap_title"): "CallingAPTitle",
    (acse.AssociateRequest, "calling_ae_qualifier"): "CallingAEQualifier",
    (acse.AssociateRequest, "calling_ap_invocation"): "CallingApInvocationId",
    (acse.AssociateRequest, "calling_ae_invocation"): "CallingAEInvocationId",
    (acse.AssociateRequest, "requirements"): "SenderACSERequirements",
    (acse.AssociateRequest, "mechanism"): "MechanismName",
    (acse.AssociateRequest, "authentication"): "CallingAuthentication",
    (acse.AssociateResponse, "application_context"): "ApplicationContextName",
    (acse.AssociateResponse, "result"): "AssociationResult",
    (acse.AssociateResponse, "diagnostic"): "ResultSourceDiagnostic",
    (acse.AssociateResponse, "responding_ap_title"): "RespondingAPTitle",
    (acse.AssociateResponse, "responding_ae_qualifier"): "RespondingAEQualifier",
    (acse.AssociateResponse, "responding_ap_invocation"): "RespondingAPInvocationId",
    (acse.AssociateResponse, "responding_ae_invocation"): "RespondingAEInvocationId",
    (acse.AssociateResponse, "requirements"): "ResponderACSERequirement",
    (acse.AssociateResponse, "mechanism"): "MechanismName",
    (acse.AssociateResponse, "authentication"): "RespondingAuthentication",
    (ciphering.GeneralCiphered, "secured"): "CipheredService",
    (general.GeneralCiphering, "header"): FLAT,
    (general.GeneralCiphering, "content"): "CipheredContent",
    (general.GeneralSigning, "header"): FLAT,
}
"""Elements of single fields. A path `Outer/Inner` is shared by fields that begin alike."""

ALTERNATIVES: Final[Mapping[Field, tuple[str, Mapping[int, str]]]] = {
    (xdlms.GetDataResult, "value"): ("kind", {0: "Data", 1: "DataAccessError"}),
    (xdlms.GetDatablock, "result"): ("kind", {0: "Result/RawData", 1: "Result/DataAccessResult"}),
    (acse._Diagnostic, "value"): ("source", {0xA1: "ACSEServiceUser", 0xA2: "ACSEServiceProvider"}),
    (access.Specification, "target"): (
        "kind",
        {
            1: "AccessRequestGet/AttributeDescriptor",
            2: "AccessRequestSet/AttributeDescriptor",
            3: "AccessRequestAction/MethodDescriptor",
            4: "AccessRequestGetWithSelection",
            5: "AccessRequestSetWithSelection",
        },
    ),
    (access.Result, "result"): (
        "kind",
        {1: "AccessResponseGet/Result", 2: "AccessResponseSet/Result", 3: "AccessResponseAction/Result"},
    ),
    (initiate.ConfirmedServiceError, "value"): ("choice", {6: "ServiceError/Initiate"}),
    (short_name.Variable, "access"): (
        "kind",
        {
            2: "VariableName",
            4: "ParameterisedAccess",
            5: "BlockNumberAccess",
            6: "ReadDataBlockAccess",
            7: "WriteDataBlockAccess",
        },
    ),
    (short_name.ReadResult, "value"): ("kind", {0: "Data", 1: "DataAccessError", 2: "DataBlockResult", 3: "BlockNumber"}),
    (short_name.WriteResult, "value"): ("kind", {0: "Success", 1: "DataAccessError", 2: "BlockNumber"}),
    (general.KeyInfo, "key"): ("choice", {0: "IdentifiedKey", 1: "WrappedKey", 2: "AgreedKey"}),
}
"""Elements by an earlier field, which then has none of its own. An unknown key: the field's own name."""

BARE: Final[frozenset[type[Frame]]] = frozenset(
    {xdlms.GetDataResult, short_name.Variable, short_name.ReadResult, short_name.WriteResult}
)
"""Frames without an element where they are a list's items: their alternative is it."""

ITEMS: Final[Mapping[Field, str]] = {
    (xdlms.SetResponseLastDatablockWithList, "results"): "DataAccessResult",
    (xdlms.SetResponseWithList, "results"): "DataAccessResult",
    (xdlms.ActionRequestWithList, "methods"): "MethodDescriptor",
    (xdlms.ActionRequestWithListAndFirstPblock, "methods"): "MethodDescriptor",
}
"""Elements of a list's items, where they are neither a frame's own nor Data."""

RESULTS: Final[Mapping[int | bytes, str]] = {
    0: "Success", 1: "HardwareFault", 2: "TemporaryFailure", 3: "ReadWriteDenied", 4: "UndefinedObject",
    9: "InconsistentClass", 11: "UnavailableObject", 12: "UnmatchedType", 13: "AccessViolated",
    14: "DataBlockUnavailable", 15: "LongGetOrReadAborted", 16: "NoLongGetOrReadInProgress",
    17: "LongSetOrWriteAborted", 18: "NoLongSetOrWriteInProgress", 19: "DataBlockNumberInvalid", 250: "OtherReason",
}  # fmt: skip
"""Data-Access-Result and Action-Result in the form's spelling."""

_MECHANISMS: Final = ("None", "Low", "High", "HighMD5", "HighSHA1", "HighGmac", "HighSHA256", "HighECDSA")
_CONTEXTS: Final = ("LN", "SN", "LN_WITH_CIPHERING", "SN_WITH_CIPHERING")

WORDS: Final[Mapping[Field, Mapping[int | bytes, str]]] = {
    (xdlms.GetDataResult, "value"): RESULTS,
    (xdlms.GetDatablock, "result"): RESULTS,
    (xdlms.ActionResponse, "result"): RESULTS,
    (xdlms.SetResponseNormal, "result"): RESULTS,
    (xdlms.SetResponseLastDatablock, "result"): RESULTS,
    (xdlms.SetResponseLastDatablockWithList, "results"): RESULTS,
    (xdlms.SetResponseWithList, "results"): RESULTS,
    (access.Result, "result"): RESULTS,
    (short_name.ReadResult, "value"): RESULTS,
    (short_name.WriteResult, "value"): RESULTS,
    (xdlms.ExceptionResponse, "state_error"): {1: "ServiceNotAllowed", 2: "ServiceUnknown"},
    (xdlms.ExceptionResponse, "service_error"): {
        1: "OperationNotPossible", 2: "ServiceNotSupported", 3: "OtherReason", 4: "PduTooLong", 5: "DecipheringError",
        6: "InvocationCounterError",
    },
    (initiate.ConfirmedServiceError, "value"): {
        0: "Other", 1: "DlmsVersionTooLow", 2: "IncompatibleConformance", 3: "PduSizeTooShort", 4: "RefusedByTheVDEHandler",
    },
    (acse.Release, "reason"): {0: "Normal", 1: "Urgent", 30: "UserDefined"},
    (acse.AssociateRequest, "application_context"): dict(zip((one.octets for one in acse.Context), _CONTEXTS, strict=True)),
    (acse.AssociateResponse, "application_context"): dict(zip((one.octets for one in acse.Context), _CONTEXTS, strict=True)),
    (acse.AssociateRequest, "mechanism"): dict(zip((one.octets for one in acse.Mechanism), _MECHANISMS, strict=True)),
    (acse.AssociateResponse, "mechanism"): dict(zip((one.octets for one in acse.Mechanism), _MECHANISMS, strict=True)),
    (acse.AssociateRequest, "requirements"): {acse.AUTHENTICATION_FUNCTIONAL_UNIT: "1"},
    (acse.AssociateResponse, "requirements"): {acse.AUTHENTICATION_FUNCTIONAL_UNIT: "1"},
}  # fmt: skip
"""Values that the form writes as words."""

DATA: Final[Mapping[int, str]] = {
    Tag.NULL: "None", Tag.ARRAY: "Array", Tag.STRUCTURE: "Structure", Tag.BOOLEAN: "Boolean", Tag.BIT_STRING: "BitString",
    Tag.DOUBLE_LONG: "Int32", Tag.DOUBLE_LONG_UNSIGNED: "UInt32", Tag.OCTET_STRING: "OctetString",
    Tag.VISIBLE_STRING: "String", Tag.UTF8_STRING: "StringUTF8", Tag.BCD: "BCD", Tag.INTEGER: "Int8", Tag.LONG: "Int16",
    Tag.UNSIGNED: "UInt8", Tag.LONG_UNSIGNED: "UInt16", Tag.COMPACT_ARRAY: "CompactArray", Tag.LONG64: "Int64",
    Tag.LONG64_UNSIGNED: "UInt64", Tag.ENUM: "Enum", Tag.FLOAT32: "Float32", Tag.FLOAT64: "Float64",
    Tag.DATE_TIME: "DateTime", Tag.DATE: "Date", Tag.TIME: "Time",
    Tag.DELTA_INTEGER: "DeltaInt8", Tag.DELTA_LONG: "DeltaInt16", Tag.DELTA_DOUBLE_LONG: "DeltaInt32",
    Tag.DELTA_UNSIGNED: "DeltaUInt8", Tag.DELTA_LONG_UNSIGNED: "DeltaUInt16", Tag.DELTA_DOUBLE_LONG_UNSIGNED: "DeltaUInt32",
    Tag.DONT_CARE: "DontCare",
}  # fmt: skip
"""Elements of A-XDR data by type tag."""

SIZES: Final[Mapping[int, int]] = {
    Tag.BOOLEAN: 1, Tag.DOUBLE_LONG: 4, Tag.DOUBLE_LONG_UNSIGNED: 4, Tag.BCD: 1, Tag.INTEGER: 1, Tag.LONG: 2,
    Tag.UNSIGNED: 1, Tag.LONG_UNSIGNED: 2, Tag.LONG64: 8, Tag.LONG64_UNSIGNED: 8, Tag.ENUM: 1, Tag.FLOAT32: 4, Tag.FLOAT64: 8,
    Tag.DATE_TIME: 12, Tag.DATE: 5, Tag.TIME: 4, Tag.DELTA_INTEGER: 1, Tag.DELTA_LONG: 2, Tag.DELTA_DOUBLE_LONG: 4,
    Tag.DELTA_UNSIGNED: 1, Tag.DELTA_LONG_UNSIGNED: 2, Tag.DELTA_DOUBLE_LONG_UNSIGNED: 4,
}  # fmt: skip
"""Octets of the types of A-XDR data that have a fixed size."""

UNNUMBERED: Final[Mapping[hdlc.Kind, str]] = {
    hdlc.Kind.SNRM: "Snrm", hdlc.Kind.UA: "Ua", hdlc.Kind.DISC: "DisconnectRequest", hdlc.Kind.DM: "DisconnectMode",
    hdlc.Kind.FRMR: "UnacceptableFrame",
}  # fmt: skip
"""Elements of HDLC frames that carry no APDU."""

HDLC_PARAMETERS: Final[Mapping[int, str]] = {5: "MaxInfoTX", 6: "MaxInfoRX", 7: "WindowSizeTX", 8: "WindowSizeRX"}
"""Elements of what SNRM and UA negotiate, by parameter identifier."""
