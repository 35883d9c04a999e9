// SPDX-License-Identifier: Apache-2.0
// grpc.health.v1.Health as data, from which the protobuf library makes its codec: one call is no reason
// for generated code.
import { create, createFileRegistry } from '@bufbuild/protobuf'
import type { DescService } from '@bufbuild/protobuf'
import {
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt'

const name = 'grpc.health.v1'
const statuses = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN']

const file = create(FileDescriptorProtoSchema, {
  name: 'grpc/health/v1/health.proto',
  package: name,
  syntax: 'proto3',
  messageType: [
    {
      name: 'HealthCheckRequest',
      field: [{ name: 'service', number: 1, type: Type.STRING, label: Label.OPTIONAL }],
    },
    {
      name: 'HealthCheckResponse',
      field: [
        {
          name: 'status',
          number: 1,
          type: Type.ENUM,
          label: Label.OPTIONAL,
          typeName: `.${name}.HealthCheckResponse.ServingStatus`,
        },
      ],
      enumType: [
        { name: 'ServingStatus', value: statuses.map((name, number) => ({ name, number })) },
      ],
    },
  ],
  service: [
    {
      name: 'Health',
      method: [
        {
          name: 'Check',
          inputType: `.${name}.HealthCheckRequest`,
          outputType: `.${name}.HealthCheckResponse`,
        },
      ],
    },
  ],
})

/** The service with its one method that probes call. */
export const healthService: DescService = serviceOf()

/** The name of a status in the answer; the number itself when it has none. */
export function statusName(status: unknown): string {
  return statuses[Number(status)] ?? String(status)
}

function serviceOf(): DescService {
  const found = createFileRegistry(create(FileDescriptorSetSchema, { file: [file] })).getService(
    `${name}.Health`,
  )
  if (!found) throw new Error('the descriptor holds no service')
  return found
}
